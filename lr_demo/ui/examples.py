"""Problems to try: our own, none of them taken from a benchmark, or those that a profile has recorded."""

from dataclasses import dataclass

from lr_demo.config import Profile
from lr_demo.runs.recordings import INVENTED, recordings


@dataclass(frozen=True)
class Example:
    title: str
    prompt: str
    expected: str = ""
    """The answer that is expected; empty where none is given."""


EXAMPLES = (
    Example(
        "The allotment",
        "A gardening club prepares 6 beds with 14 seedlings each. Slugs eat 9 seedlings, and a third of the rest "
        "is given to a school. How many seedlings does the club keep?",
        "50",
    ),
    Example(
        "Ferry queue",
        "A ferry takes 22 cars every 35 minutes, from 8:10 on. At 8:00 there are 75 cars in the queue, and 4 more "
        "arrive before each departure. At what time does the last of the 75 leave?",
        "9:55",
    ),
    Example(
        "Two candles",
        "A thin candle of 24 cm burns 3 cm an hour, a thick one of 18 cm burns 1.5 cm an hour. Both are lit at "
        "the same moment. How many centimetres long are they when they are equally long?",
        "12",
    ),
    Example(
        "The tiled hall",
        "A hall of 7.2 m by 5.4 m is tiled with square tiles of 30 cm. Tiles come in boxes of 26, and 5 % more "
        "tiles than needed are bought for cuts. How many boxes are bought?",
        "18",
    ),
    Example(
        "Lighthouses",
        "Three lighthouses flash every 12, 18 and 30 seconds. At midnight they flash together. How often do all "
        "three flash at the same moment before one o'clock, midnight included?",
        "20",
    ),
    Example(
        "Knights and knaves",
        "On an island knights always tell the truth and knaves always lie. Ada says: 'Ben is a knave.' Ben says: "
        "'Cleo is a knave.' Cleo says: 'Ada and Ben are both knaves.' Who is a knight?",
        "Ben",
    ),
    Example(
        "Digits",
        "A two-digit number is four times the sum of its digits, and the digit of ones is 3 more than the digit of "
        "tens. Which number is it?",
        "36",
    ),
    Example(
        "The market stall",
        "Mira sells jam at $4.50 a jar and honey at $7.25 a jar. She sells 5 jars more jam than honey and takes "
        "$163.50 in all. The stall costs $18. How many jars did she sell in all?",
        "29",
    ),
)


def examples_of(profile: Profile) -> tuple[Example, ...]:
    """What can be tried with a profile.

    Raises:
        ConfigError: its recordings' index is wrong.
        TraceError: a recording cannot be read.
    """
    if not profile.replays:
        return EXAMPLES
    return (*(Example(each.title, each.text.prompt) for each in recordings()), Example("Invented text, long", INVENTED))
