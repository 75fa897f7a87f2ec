-- The planner knows of what came with an import at once: without statistics it joins ten thousand devices as if they were a few,
-- until the server looks by itself, within a minute.

CREATE FUNCTION web.count_fleet() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = tds, pg_temp AS $$
BEGIN
    ANALYZE tds.gateway, tds.device;
END
$$;
REVOKE ALL ON FUNCTION web.count_fleet FROM PUBLIC;
GRANT EXECUTE ON FUNCTION web.count_fleet TO :"web";
COMMENT ON FUNCTION web.count_fleet IS 'Counts gateways and devices for the planner.';
