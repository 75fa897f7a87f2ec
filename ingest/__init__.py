"""MQTT in, facts out: the companion process that stores what gateways send."""
