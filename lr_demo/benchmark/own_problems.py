"""Word problems of our own with one number as the answer: enough to compare speeds, too few to compare accuracies."""

from lr_demo.benchmark.problems import Problem

OWN_PROBLEMS = (
    Problem(
        question="A gardening club prepares 6 beds with 14 seedlings each. Slugs eat 9 seedlings, and a third of the "
        "rest is given to a school. How many seedlings does the club keep?",
        answer="50",
    ),
    Problem(
        question="A hall of 7.2 m by 5.4 m is tiled with square tiles of 30 cm. Tiles come in boxes of 26, and 5 % "
        "more tiles than needed are bought for cuts. How many boxes are bought?",
        answer="18",
    ),
    Problem(
        question="A choir of 48 singers travels in minibuses with 9 seats each, the driver's among them; drivers do "
        "not sing. A minibus costs 65 euros. How many euros do the minibuses cost?",
        answer="390",
    ),
    Problem(
        question="A two-digit number is four times the sum of its digits, and the digit of ones is 3 more than the "
        "digit of tens. Which number is it?",
        answer="36",
    ),
    Problem(
        question="A tank holds 540 litres. One pump fills 18 litres a minute, a leak loses 3 litres a minute. The tank "
        "is one third full when the pump starts. After how many minutes is it full?",
        answer="24",
    ),
    Problem(
        question="Tilda reads 12 pages on Monday and each day 5 pages more than on the day before. How many pages has "
        "she read by the end of Saturday?",
        answer="147",
    ),
    Problem(
        question="A baker sells 35 rolls at 0.80 euros and 14 loaves at 3.50 euros. Flour and power cost 29 euros. "
        "How many euros are left?",
        answer="48",
    ),
    Problem(
        question="Two trains leave towns that are 330 km apart at the same time and go towards each other at 90 km/h "
        "and 75 km/h. After how many hours do they meet?",
        answer="2",
    ),
)
