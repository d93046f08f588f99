"""POST /v1/rules/preview, for those who operate."""

from typing import Annotated

from fastapi import APIRouter

from serving.access.requirements import may_look_after
from serving.http.errors import problems_of_request
from serving.http.routing import TandemRoute, provided
from serving.rule_preview.preview import RulePreviewer
from serving.rule_preview.schemas import RulePreviewAnswer, RulePreviewBody
from serving.runtime.faults import BodyTooLargeError, MalformedBodyError

router = APIRouter(prefix="/v1", tags=["placements"], route_class=TandemRoute)

FromRulePreviewer = Annotated[RulePreviewer, provided(RulePreviewer)]


@router.post(
    "/rules/preview",
    dependencies=[may_look_after],
    responses=problems_of_request(MalformedBodyError, BodyTooLargeError),
)
async def preview_rules(body: RulePreviewBody, previewer: FromRulePreviewer) -> RulePreviewAnswer:
    """Whom and what rules would touch, and which get into each other's way; nothing is saved.

    Two rules are compared by the items that they are about now, so a conflict may come and go with
    the catalogue.
    """
    return RulePreviewAnswer.of(await previewer.preview(body.rules, limit=body.limit))
