"""How places use energy and water: load curves by hour and day type, seasons, climates. Tables of integers."""

from __future__ import annotations

from dataclasses import dataclass

Hours = tuple[int, ...]


@dataclass(frozen=True)
class Load:
    """Use per hour in thousandths of full load: three curves of 24 local hours, and a factor for each month."""

    weekday: Hours
    saturday: Hours
    sunday: Hours
    season: tuple[int, ...]
    unrest: int = 150  # thousandths by which a quarter-hour strays from its curve


@dataclass(frozen=True)
class Climate:
    """A level in thousandths of the unit: its mean of each month, its swing around that by local hour, its unrest."""

    months: tuple[int, ...]
    hours: Hours
    unrest: int = 300


def _scaled(hours: Hours, thousandths: int) -> Hours:
    return tuple(value * thousandths // 1000 for value in hours)


LEVEL_YEAR = (1000,) * 12
SOUTH_COOLING = (1250, 1260, 1180, 1020, 900, 830, 800, 840, 930, 1030, 1110, 1200)
SOUTH_HEATING = (720, 720, 780, 900, 1080, 1250, 1320, 1250, 1080, 920, 820, 760)
NORTH_COOLING = (860, 850, 890, 940, 1020, 1120, 1200, 1190, 1080, 980, 900, 870)
NORTH_HEATING = (1750, 1680, 1420, 1020, 640, 360, 280, 300, 520, 940, 1380, 1680)

# fmt: off
# Two shifts with a lunch dip; on Saturday half a day, on Sunday what maintenance needs.
_FACTORY = (
    125, 120, 118, 118, 122, 160, 420, 780, 960, 1000, 990, 930,
    780, 940, 1000, 990, 960, 880, 700, 620, 560, 420, 210, 150,
)
_FACTORY_SATURDAY = (
    120, 118, 116, 116, 118, 150, 360, 620, 740, 760, 730, 640,
    460, 340, 280, 270, 260, 250, 230, 200, 180, 160, 140, 125,
)
_FACTORY_SUNDAY = (
    90, 88, 86, 86, 88, 95, 180, 260, 300, 310, 310, 300,
    280, 290, 300, 300, 290, 270, 230, 200, 170, 130, 105, 95,
)

# People at home: a morning and an evening peak; later and higher at the weekend.
_HOMES = (
    150, 120, 110, 110, 115, 200, 470, 720, 640, 520, 490, 530,
    620, 560, 490, 490, 540, 680, 900, 1000, 960, 820, 440, 250,
)
_HOMES_SATURDAY = (
    190, 150, 130, 125, 125, 170, 330, 560, 800, 900, 920, 950,
    1000, 930, 830, 800, 830, 920, 1060, 1120, 1050, 900, 500, 300,
)
_HOMES_SUNDAY = _scaled(_HOMES_SATURDAY, 1080)

# Water stands nearly still at night: what is left is the smallest leak.
_TAPS = (
    45, 35, 30, 30, 40, 140, 620, 960, 820, 600, 520, 560,
    680, 580, 480, 470, 520, 660, 860, 900, 720, 480, 210, 90,
)
_TAPS_WEEKEND = (
    60, 45, 35, 30, 35, 80, 280, 620, 980, 1150, 1140, 1060,
    980, 820, 700, 660, 690, 780, 900, 880, 680, 460, 240, 110,
)

# Refrigeration follows the doors: loading from five to nine in the evening.
_COLD = (
    250, 240, 235, 235, 250, 420, 720, 860, 920, 950, 970, 980,
    1000, 1000, 980, 950, 920, 880, 820, 740, 620, 480, 320, 270,
)
# fmt: on

FACTORY_POWER = Load(_FACTORY, _FACTORY_SATURDAY, _FACTORY_SUNDAY, LEVEL_YEAR)
FACTORY_COOLING = Load(_FACTORY, _FACTORY_SATURDAY, _FACTORY_SUNDAY, SOUTH_COOLING)
FACTORY_WATER = Load(_TAPS, _scaled(_TAPS, 480), _scaled(_TAPS, 130), LEVEL_YEAR)
FACTORY_GAS = Load(_FACTORY, _FACTORY_SATURDAY, _FACTORY_SUNDAY, SOUTH_HEATING, 90)
HOME_POWER = Load(_HOMES, _HOMES_SATURDAY, _HOMES_SUNDAY, SOUTH_COOLING)
HOME_WATER = Load(_TAPS, _TAPS_WEEKEND, _TAPS_WEEKEND, SOUTH_COOLING, 220)
HOME_GAS = Load(_HOMES, _HOMES_SATURDAY, _HOMES_SUNDAY, SOUTH_HEATING, 200)
STORE_POWER = Load(_COLD, _scaled(_COLD, 760), _scaled(_COLD, 640), NORTH_COOLING, 90)
STORE_LIGHT = Load(_FACTORY, _scaled(_FACTORY, 600), _scaled(_FACTORY, 280), LEVEL_YEAR, 60)
STORE_WATER = Load(_TAPS, _scaled(_TAPS, 560), _scaled(_TAPS, 300), LEVEL_YEAR, 220)
STORE_GAS = Load(_FACTORY, _scaled(_FACTORY, 620), _scaled(_FACTORY, 400), NORTH_HEATING, 120)

_SUN = (-3200, -3600, -4000, -4200, -4300, -4000, -2800, -1000, 700, 2000, 3000, 3800)
_SHADE = (4300, 4600, 4500, 4000, 3100, 2000, 800, -300, -1200, -1900, -2400, -2800)
OUTDOORS_SOUTH = Climate((23400, 23600, 22900, 21300, 18800, 17700, 17300, 18500, 19600, 20800, 21500, 22600), _SUN + _SHADE, 900)
POOL = Climate(
    (28600, 28700, 28300, 27700, 26900, 26400, 26200, 26500, 27000, 27500, 28000, 28400), _scaled(_SUN + _SHADE, 150), 120
)
FREEZER = Climate((-21800,) * 6 + (-21400, -21400) + (-21700,) * 4, _scaled(_SUN + _SHADE, 260), 350)
