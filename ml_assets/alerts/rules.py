"""Rules for high-risk cases: a declared condition over the score and the segments of a prediction."""

from pydantic import BaseModel, Field

from ml_assets.alerts.finding import Level
from ml_assets.learning.ensembles.combinations import Name
from ml_assets.learning.ensembles.conditions import SECTION, Condition


class AlertRule(BaseModel):
    """A rule for predictions that open an alert.

    Attributes:
        name: its name in alerts.
        when: condition over the ``score`` and the segments: all of its tests have to hold.
        level: ``critical``, ``warning`` or ``info``; that of the kind when omitted.
    """

    model_config = SECTION

    name: Name
    when: Condition = Field(min_length=1)
    level: Level | None = None
