"""The kinds and exclusions chosen for real tables, beside what a careful reader of them would say.

Each table below was reviewed field by field against the data and its description: what a field
holds, whether it is known before the target, and whether a model could learn from it. A change here
is a change of judgement, and wants a reason.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from sonde.data.guess import guess_source
from sonde.data.inspect import inspect_source

NUMBER, CATEGORY, DATE, SET, TEXT = "number", "category", "date", "set", "text"
UNLIKE = "reads neither"  # as language nor as a category: tickets, people most of whom stand once
IDENTIFIER = "identifier: "  # names the row
SUSPECT = "known only afterwards"
PART = "a part of it"
CONSTANT = "constant: "

TITANIC = {
    "pclass": CATEGORY,
    "survived": CATEGORY,  # the target
    "name": TEXT,  # with titles such as Mr., Mrs. and Master.
    "sex": CATEGORY,
    "age": NUMBER,
    "sibsp": CATEGORY,  # 0 to 8 brothers, sisters, spouses: seven values
    "parch": CATEGORY,
    "ticket": UNLIKE,  # 929 of 1,309 differ; shared by those who travelled together
    "fare": NUMBER,
    "cabin": CATEGORY,
    "embarked": CATEGORY,
    "boat": SUSPECT,  # the lifeboat: who has one was saved
    "body": SUSPECT,  # the number of the body that was found
    "home_dest": CATEGORY,
}

MOVIES = {
    "color": CATEGORY,
    "director_name": CATEGORY,
    "num_critic_for_reviews": NUMBER,
    "duration": NUMBER,
    "director_facebook_likes": NUMBER,
    "actor_3_facebook_likes": NUMBER,
    "actor_2_name": UNLIKE,  # 3,032 names in 5,043 rows: most stand once
    "actor_1_facebook_likes": NUMBER,
    "gross": NUMBER,
    "genres": SET,
    "actor_1_name": CATEGORY,
    "movie_title": TEXT,
    "num_voted_users": NUMBER,
    "cast_total_facebook_likes": NUMBER,
    "actor_3_name": UNLIKE,
    "facenumber_in_poster": NUMBER,
    "plot_keywords": SET,
    "movie_imdb_link": IDENTIFIER,
    "num_user_for_reviews": NUMBER,
    "language": CATEGORY,
    "country": CATEGORY,
    "content_rating": CATEGORY,
    "budget": NUMBER,
    "title_year": NUMBER,
    "actor_2_facebook_likes": NUMBER,
    "imdb_score": NUMBER,  # the target
    "aspect_ratio": NUMBER,
    "movie_facebook_likes": NUMBER,
}

GAMES = {
    "Rank": SUSPECT,  # the rows are ranked by the target
    "Name": TEXT,
    "Platform": CATEGORY,
    "Year": NUMBER,
    "Genre": CATEGORY,
    "Publisher": CATEGORY,
    "NA_Sales": PART,
    "EU_Sales": PART,
    "JP_Sales": PART,
    "Other_Sales": PART,
    "Global_Sales": NUMBER,  # the target
}

CLAIMS = {
    "months_as_customer": NUMBER,
    "age": NUMBER,
    "policy_number": IDENTIFIER,
    "policy_day": NUMBER,
    "policy_month": NUMBER,
    "policy_year": NUMBER,
    "policy_state": CATEGORY,
    "policy_csl": CATEGORY,  # 250/500: two limits, and three pairs of them
    "policy_deductable": CATEGORY,
    "policy_annual_premium": NUMBER,
    "umbrella_limit": NUMBER,
    "insured_city": CATEGORY,
    "insured_sex": CATEGORY,
    "insured_education_level": CATEGORY,
    "insured_occupation": CATEGORY,
    "insured_hobbies": CATEGORY,
    "insured_relationship": CATEGORY,
    "capital_gains": NUMBER,
    "Avg_capital_gains": NUMBER,
    "capital_loss": NUMBER,
    "Avg_capital_loss": NUMBER,
    "incident_day": NUMBER,
    "incident_month": CATEGORY,  # January to March
    "incident_year": CONSTANT,
    "incident_type": CATEGORY,
    "collision_type": CATEGORY,  # empty where nothing collided: honest
    "incident_severity": CATEGORY,  # the strongest honest field
    "authorities_contacted": CATEGORY,
    "incident_state": CATEGORY,
    "incident_city": CATEGORY,
    "incident_hour_of_the_day": NUMBER,
    "number_of_vehicles_involved": CATEGORY,
    "property_damage": CATEGORY,
    "bodily_injuries": CATEGORY,
    "witnesses": CATEGORY,
    "police_report_available": CATEGORY,
    "total_claim_amount": NUMBER,
    "injury_claim": NUMBER,
    "property_claim": NUMBER,
    "vehicle_claim": NUMBER,
    "auto_make": CATEGORY,
    "auto_model": CATEGORY,
    "auto_year": NUMBER,
    "fraud_reported": CATEGORY,  # the target
}

BIKES = {
    "instant": IDENTIFIER,
    "dteday": DATE,
    "season": CATEGORY,
    "yr": CATEGORY,
    "mnth": NUMBER,
    "hr": NUMBER,
    "holiday": CATEGORY,
    "weekday": CATEGORY,
    "workingday": CATEGORY,
    "weathersit": CATEGORY,
    "temp": NUMBER,
    "atemp": NUMBER,  # nearly temp, yet not one-to-one with it
    "hum": NUMBER,
    "windspeed": NUMBER,
    "casual": PART,
    "registered": PART,
    "cnt": NUMBER,  # the target
}

REVIEWED = {
    "titanic/titanic3.csv.gz": ("survived", TITANIC),
    "imdb-5000-movies/movie_metadata.csv.gz": ("imdb_score", MOVIES),
    "video-game-sales/vgsales.csv.gz": ("Global_Sales", GAMES),
    "insurance-fraud/insurance_claims.csv.gz": ("fraud_reported", CLAIMS),
    "bike-sharing/hour.csv.gz": ("cnt", BIKES),
}


@pytest.mark.parametrize("path", REVIEWED)
def test_kinds_and_exclusions_are_those_that_were_reviewed(path: str, shared_data: Path) -> None:
    target, reviewed = REVIEWED[path]
    inspection = inspect_source(guess_source(str(shared_data / path))).beside({target: ""})
    found = {
        item.field: (item.excluded and _class_of(item.excluded)) or item.kind
        for item in inspection.findings
    }
    assert found == reviewed


def _class_of(excluded: str) -> str:
    """The class of a reason, or the whole reason where it is of none."""
    classes = (UNLIKE, IDENTIFIER, SUSPECT, PART, CONSTANT)
    return next((name for name in classes if name in excluded), excluded)


HONEST = {
    "adult/adult.data.gz": "14",
    "breast-cancer-wdbc/wdbc.data.gz": "1",
    "california-housing/housing.csv.gz": "median_house_value",
    "credit-card-default/UCI_Credit_Card.csv.gz": "default.payment.next.month",
    "heart-disease/processed.cleveland.data.gz": "13",
    "wine-quality/winequality-red.csv.gz": "Class",
    "wine-quality/winequality-white.csv.gz": "quality",
    "german-credit/german.data.gz": "20",
    "ett/ETTh1.csv.gz": "OT",
}
"""Tables of which every field is known before the target, however much it tells."""


@pytest.mark.parametrize("path", HONEST)
def test_honest_fields_are_not_suspected(path: str, shared_data: Path) -> None:
    inspection = inspect_source(guess_source(str(shared_data / path)))
    fields = [item.field for item in inspection.findings]
    target = HONEST[path] if HONEST[path] in fields else fields[int(HONEST[path])]
    found = inspection.beside({target: ""}).findings
    assert not [item.field for item in found if item.suspect]
