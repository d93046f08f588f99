"""What the API takes and answers, as dictionaries.

Made of the description of the API by `python -m tests.client_code`.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypeAlias, TypedDict


class AccountAnswer(TypedDict):
    """An account, as those who administer see it."""

    account_id: int
    name: str
    role: RoleName
    user_id: str | None
    created_at: str
    has_password: bool
    password_changed_at: str | None
    disabled_at: str | None


class AccountBody(TypedDict):
    """What is to be changed of an account; what is left out stays."""

    role: NotRequired[RoleName | None]
    disabled: NotRequired[bool | None]


class AccountsAnswer(TypedDict):
    """Accounts in the order in which they were made, up to a thousand."""

    accounts: list[AccountAnswer]


class ActiveUserAnswer(TypedDict):
    """One user, and how much they did."""

    user_id: str
    events: int
    last_at: str


class ActiveUsersAnswer(TypedDict):
    """Users, the most active first."""

    users: list[ActiveUserAnswer]
    since: str
    is_complete: bool


class AdoptBody(TypedDict):
    """Which arm decides from now on."""

    arm: str


class Alive(TypedDict):
    """The process lives."""

    status: AliveStatus


AliveStatus: TypeAlias = Literal["alive"]


class ArmDefinition(TypedDict):
    """One of what is compared."""

    name: str
    version: int | PopularList
    share: float
    run_id: NotRequired[int | None]


class ArmFigures(TypedDict):
    """What is known of one arm."""

    name: str
    share: float
    users: int
    completed: int
    means: dict[str, float]
    items: int
    coverage: float | None
    best_probability: float
    stopped_at: str | None
    stopped_because: str | None


class AskedAnswer(TypedDict):
    """A list for a user, a group, or somebody of whom the request alone tells."""

    fields_unknown: NotRequired[list[str] | None]
    recommendation_id: str
    placement: NamedPlacement | None
    experiment: NamedArm | None
    items: list[ItemAnswer]
    source: RecommendationSource
    strategy: RecommendationStrategy
    categories_meant: dict[str, str]
    degraded: str | None
    exclusions: ExclusionKnowledge
    run: RunAnswer | None
    policy: PolicyAnswer
    preferences: int | None
    next: NotRequired[str | None]
    generated_at: str
    generation_time_ms: float
    list_age_seconds: float
    live_vector_age_seconds: float | None
    algorithm_version: str
    because_withheld: NotRequired[str | None]
    removed: NotRequired[dict[str, int] | None]
    rules_for_users: NotRequired[list[str] | None]
    user_id: str | None
    user_ids: NotRequired[list[str] | None]


class AuditAnswer(TypedDict):
    """Entries of the audit log, newest first."""

    entries: list[AuditEntryAnswer]


class AuditEntryAnswer(TypedDict):
    """One act of those who administer."""

    audit_id: int
    at: str
    actor: str
    act: str
    subject: str
    details: dict[str, Any]
    request_id: str | None


AwayDependency: TypeAlias = Literal["redis_away"]


class BasketItemBody(TypedDict):
    """An item that is taken for one that was just used."""

    item_id: str
    weight: NotRequired[float]


class BecauseOfAnswer(TypedDict):
    """The item that a row is made because of."""

    item_id: str
    title: str | None


class CategoriesAnswer(TypedDict):
    """Categories in the order of their names."""

    categories: list[CategoryAnswer]
    next: str | None


class CategoryAnswer(TypedDict):
    """A category."""

    category: str
    items: int


class CauseAnswer(TypedDict):
    """One of the user's own items, or a declared word, that brought a recommendation."""

    item_id: str | None
    title: str | None
    interest: NotRequired[str | None]
    share: float


class ComparisonFigures(TypedDict):
    """One arm less the control, by one metric."""

    arm: str
    metric: Metric
    difference: float
    low: float | None
    high: float | None
    relative: float | None
    users: int
    decided: bool
    variance_ratio: float
    days_until_decided: float | None
    finding: str


class DeletedEventAnswer(TypedDict):
    """What became of the event; either way it does not count any more."""

    event_id: str
    deleted: bool
    deleted_at: str | None


class DeletedEventsAnswer(TypedDict):
    """How many events were deleted; they never count again."""

    deleted: int
    more: bool


class DeletedItemAnswer(TypedDict):
    """What became of the item; either way it is not in the catalogue any more."""

    item_id: str
    deleted: bool
    deleted_at: str


class DeletedPreferencesAnswer(TypedDict):
    """What was taken back."""

    user_id: str
    deleted: int


class DiagnosisAnswer(TypedDict):
    """What is wrong, the worst first."""

    well: bool
    looked_at: str
    findings: list[FindingAnswer]


class DroppedRowAnswer(TypedDict):
    """A row that is not on the page."""

    row: PageRowKind
    title_id: str
    reason: RowDropReason


class EventBatch(TypedDict):
    """Up to 1,000 events."""

    events: list[EventBody]


class EventBody(TypedDict):
    """One interaction of a user with an item."""

    event_id: NotRequired[str | None]
    user_id: str
    item_id: str
    kind: str
    value: NotRequired[float | None]
    scale: NotRequired[str | None]
    occurred_at: NotRequired[str | None]
    recommendation_id: NotRequired[str | None]
    context: NotRequired[dict[str, Any] | None]


class EventKindAnswer(TypedDict):
    """One kind of events."""

    kind: str
    description: str
    weight: float
    marks_seen: bool
    value: ValueAnswer | None


class EventKindsAnswer(TypedDict):
    """All kinds of events that are taken."""

    kinds: list[EventKindAnswer]


class EventResult(TypedDict):
    """What became of one event of a batch."""

    event_id: str
    status: EventStatus
    errors: list[FaultAnswer]


EventStatus: TypeAlias = Literal["accepted", "duplicate", "refused"]


class EventsAnswer(TypedDict):
    """Some events, newest first."""

    events: list[FoundEventAnswer]
    next: str | None


class ExampleItemAnswer(TypedDict):
    """An item that a rule is about."""

    item_id: str
    title: str


ExclusionKnowledge: TypeAlias = Literal["known", "unknown"]


class Experiment(TypedDict):
    """An experiment as it is kept."""

    placement: str
    arms: list[ArmDefinition]
    goal: NotRequired[Metric]
    kinds: NotRequired[list[str]]
    window_days: float
    confidence: NotRequired[float]
    tuned_to: NotRequired[int]
    guardrails: NotRequired[list[GuardrailDefinition]]
    layer: NotRequired[str | None]
    salt: NotRequired[str | None]
    ramp: NotRequired[list[RampDefinition]]
    automatic: NotRequired[bool]
    starts_at: NotRequired[str | None]
    ends_at: NotRequired[str | None]
    note: NotRequired[str]
    experiment_id: str
    state: ExperimentState
    revision: int
    started_at: str | None
    stopped_at: str | None
    stopped_because: str | None
    adopted_arm: str | None
    adopted_version: int | None
    created_at: str


class ExperimentAnswer(TypedDict):
    """An experiment with what is known now. It may be looked at at any time."""

    experiment: Experiment
    finding: str
    arms: list[ArmFigures]
    comparisons: list[ComparisonFigures]
    history: list[HistoryPoint]
    ratio_mismatch: RatioMismatch


class ExperimentBody(TypedDict):
    """A draft."""

    definition: ExperimentDefinition
    revision: NotRequired[int]


class ExperimentDefinition(TypedDict):
    """What is compared, with whom, and by what."""

    placement: str
    arms: list[ArmDefinition]
    goal: NotRequired[Metric]
    kinds: NotRequired[list[str]]
    window_days: NotRequired[float | None]
    confidence: NotRequired[float]
    tuned_to: NotRequired[int]
    guardrails: NotRequired[list[GuardrailDefinition]]
    layer: NotRequired[str | None]
    salt: NotRequired[str | None]
    ramp: NotRequired[list[RampDefinition]]
    automatic: NotRequired[bool]
    starts_at: NotRequired[str | None]
    ends_at: NotRequired[str | None]
    note: NotRequired[str]


ExperimentState: TypeAlias = Literal["draft", "running", "stopped", "adopted"]


class ExperimentsAnswer(TypedDict):
    """Experiments, the newest first."""

    experiments: list[Experiment]


FallbackList: TypeAlias = Literal["popular", "trending", "latest"]


class Fault(TypedDict):
    """One thing that is wrong with a request."""

    pointer: str
    detail: str


class FaultAnswer(TypedDict):
    """One thing that is wrong with an entry."""

    pointer: str
    detail: str


class FindingAnswer(TypedDict):
    """One thing that was looked at."""

    check: str
    severity: FindingSeverity
    what: str
    since: str | None
    advice: str | None


FindingSeverity: TypeAlias = Literal["ok", "notice", "problem"]


class ForgottenUserAnswer(TypedDict):
    """What was removed. All numbers are 0 if nothing was known of the user."""

    user_id: str
    removed: RemovedCounts


class FoundEventAnswer(TypedDict):
    """An event as the log has it."""

    event_id: str
    user_id: str
    item_id: str
    kind: str
    value: float | None
    scale: str | None
    occurred_at: str
    received_at: str
    recommendation_id: str | None
    context: dict[str, str] | None


FoundItemsSource: TypeAlias = Literal["cache", "similar", "search", "words", "popular", "fallback"]


class GuardrailDefinition(TypedDict):
    """What an arm must not harm: it is stopped when it does for certain."""

    metric: Metric
    most_loss: float


class HighlightsAnswer(TypedDict):
    """Where the words stand, as HTML that is safe to show."""

    title: str
    text: str | None


class HistoryAnswer(TypedDict):
    """What a user has done, newest first."""

    user_id: str
    events: list[HistoryEventAnswer]
    next: str | None


class HistoryEventAnswer(TypedDict):
    """One event."""

    event_id: str
    item_id: str
    title: str
    kind: str
    value: float | None
    occurred_at: str
    recommendation_id: str | None


class HistoryPoint(TypedDict):
    """The goal's difference and interval as they were at the end of a day."""

    day: str
    arm: str
    users: int
    difference: float
    low: float | None
    high: float | None


class ImpressionBatch(TypedDict):
    """Up to 1,000 lists that were shown."""

    impressions: list[PostedImpression]


class InnerProblem(TypedDict):
    """Why there is no list for one of many users, as a problem document says it."""

    type: str
    title: str
    status: int
    detail: str
    errors: NotRequired[list[dict[str, str]] | None]


class InterestsAnswer(TypedDict):
    """What the user likes, as declared."""

    words: list[WordAnswer]
    items: list[str]


class InterestsBody(TypedDict):
    """What a user likes."""

    words: NotRequired[list[str]]
    items: NotRequired[list[str]]


class InterestsPatch(TypedDict):
    """Other interests; what is left out stays, and null is none."""

    words: NotRequired[list[str] | None]
    items: NotRequired[list[str] | None]


class InvitationBody(TypedDict):
    """Who is to be invited."""

    role: RoleName


class IssueTokensForm(TypedDict):
    """A sign-in by OAuth 2.0 (RFC 6749): by password, or by refresh token."""

    grant_type: str
    username: NotRequired[str | None]
    password: NotRequired[str | None]
    refresh_token: NotRequired[str | None]
    scope: NotRequired[str]
    client_id: NotRequired[str]
    client_secret: NotRequired[str]


class ItemAnswer(TypedDict):
    """One recommended item."""

    item_id: str
    title: NotRequired[str | None]
    categories: NotRequired[list[str] | None]
    created_at: NotRequired[str | None]
    attributes: NotRequired[dict[str, Any] | None]
    score: float
    scores: dict[str, float]
    explored: bool
    because: NotRequired[list[CauseAnswer] | None]
    sources: NotRequired[dict[str, SourceScoreAnswer] | None]
    blend_rank: NotRequired[int | None]
    preferences: NotRequired[list[PreferenceChangeAnswer] | None]
    rules: NotRequired[list[RuleEffectAnswer] | None]


class ItemBatch(TypedDict):
    """Up to 1,000 items, each once."""

    items: list[ItemEntry]


class ItemBatchAnswer(TypedDict):
    """What became of the batch."""

    created: int
    replaced: int
    refused: int
    results: list[ItemResult]


class ItemBody(TypedDict):
    """All that is said of an item; what is left out takes its default."""

    title: str
    categories: NotRequired[list[str]]
    description: NotRequired[str]
    attributes: NotRequired[dict[str, str | int | float | bool | list[Any] | dict[str, Any] | None]]
    available: NotRequired[bool]


class ItemEntry(TypedDict):
    """An item of a batch."""

    title: str
    categories: NotRequired[list[str]]
    description: NotRequired[str]
    attributes: NotRequired[dict[str, str | int | float | bool | list[Any] | dict[str, Any] | None]]
    available: NotRequired[bool]
    item_id: str


class ItemPatch(TypedDict):
    """What is to be different, as a JSON merge patch (RFC 7396); what is left out stays."""

    title: NotRequired[str]
    categories: NotRequired[list[str] | None]
    description: NotRequired[str | None]
    attributes: NotRequired[
        dict[str, str | int | float | bool | list[Any] | dict[str, Any] | None] | None
    ]
    available: NotRequired[bool | None]


class ItemResult(TypedDict):
    """What became of one item of a batch."""

    item_id: str | None
    status: ItemStatus
    errors: list[FaultAnswer]


ItemStatus: TypeAlias = Literal["created", "replaced", "refused"]


class ItemsAnswer(TypedDict):
    """Some items of the catalogue, in the order in which they came into it."""

    items: list[StoredItemAnswer]
    next: str | None
    total_count: int | None
    total_is_exact: bool | None


class KeyAnswer(TypedDict):
    """What is known of a key; the key itself is stored nowhere."""

    key_id: int
    name: str
    prefix: str
    scopes: list[str]
    per_minute: int | None
    created_at: str
    expires_at: str | None
    revoked_at: str | None
    last_used_at: str | None


class KeyBody(TypedDict):
    """What a new key may do, and how long."""

    name: str
    scopes: list[KeyScope]
    per_minute: NotRequired[int | None]
    expires_at: NotRequired[str | None]


class KeyChangeBody(TypedDict):
    """What is to be different; what is left out stays."""

    per_minute: NotRequired[int | None]
    expires_at: NotRequired[str | None]


KeyScope: TypeAlias = Literal["read", "write", "users", "token", "admin"]


class KeysAnswer(TypedDict):
    """All keys."""

    keys: list[KeyAnswer]


class KindBody(TypedDict):
    """All that is said of a kind; what is left out takes its default."""

    weight: float
    marks_seen: NotRequired[bool]
    description: NotRequired[str]
    value: NotRequired[RatingBody | ProportionBody | None]
    half_life_days: NotRequired[float | None]


class LatestAnswer(TypedDict):
    """New items, the newest first."""

    placement: NamedPlacement | None
    experiment: NamedArm | None
    recommendation_id: str | None
    fields_unknown: NotRequired[list[str] | None]
    run: RunAnswer | None
    categories_meant: dict[str, str]
    degraded: str | None
    exclusions: ExclusionKnowledge | None
    next: str | None
    items: list[NamedItemAnswer]
    strategy: LatestStrategy


LatestStrategy: TypeAlias = Literal["latest", "popular", "fallback"]


class LinkAnswer(TypedDict):
    """A link, shown this once."""

    link: str
    path: str
    expires_at: str


class LinkedUserBody(TypedDict):
    """The user an account is to read and write as."""

    user_id: str


class ListForUser(TypedDict):
    """What one of many users gets: a list or a problem."""

    user_id: str
    answer: NotRequired[RecommendationAnswer | None]
    problem: NotRequired[InnerProblem | None]


class LoadAnswer(TypedDict):
    """An upload, and what became of it."""

    id: int
    state: LoadState
    filename: str
    bytes: int
    options: dict[str, Any]
    is_preview: bool
    uploaded_by: str
    queued_at: str
    started_at: str | None
    ended_at: str | None
    progress: LoadProgress | None
    load_no: int | None
    report: LoadReport | None
    preview: dict[str, Any] | None
    error: LoadError | None
    undone: UndoneLoad | None


class LoadChoice(TypedDict):
    """An answer to a question, and the parameters to send the file again with."""

    label: str
    parameters: dict[str, list[str]]


class LoadError(TypedDict):
    """Why nothing, or not all, was loaded."""

    detail: str
    question: NotRequired[str | None]
    choices: NotRequired[list[LoadChoice]]


class LoadProgress(TypedDict):
    """How far loading is."""

    file: str
    rows: int
    total_rows: int


class LoadReport(TypedDict):
    """What became of every row."""

    items_new: int
    items_changed: int
    items_unchanged: int
    events_stored: int
    events_repeated: int
    left_out: int
    resumed: bool
    rejected: dict[str, int]
    rejected_rows: list[RejectedRow]
    skipped_files: dict[str, str]
    unread_columns: dict[str, list[str]]
    advice: str | None


LoadState: TypeAlias = Literal[
    "queued", "running", "complete", "failed", "interrupted", "undoing", "undone"
]


class LoadsAnswer(TypedDict):
    """The newest loads over HTTP, newest first."""

    loads: list[LoadAnswer]


class ManyAnswer(TypedDict):
    """Lists for many users, in the order in which they were named."""

    lists: list[ListForUser]


MergeBody = TypedDict(
    "MergeBody",
    {
        "from": str,
    },
)
"""Who becomes part of the user."""


MergedAnswer = TypedDict(
    "MergedAnswer",
    {
        "user_id": str,
        "from": str,
        "merged": bool,
        "events": int,
    },
)
"""What became of two users: they are one, either way."""


Metric: TypeAlias = Literal[
    "clicks", "click_through", "conversion", "value", "dislikes", "returned"
]


class ModelRunAnswer(TypedDict):
    """One model run."""

    run_id: int
    state: str
    live: bool
    cut_off_at: str
    started_at: str
    finished_at: str | None
    seconds: float | None
    metrics: dict[str, Any]
    reason: str | None


class ModelRunsAnswer(TypedDict):
    """Model runs, newest first."""

    runs: list[ModelRunAnswer]
    next: int | None


class MoveAnswer(TypedDict):
    """An item that stands elsewhere under the draft."""

    item_id: str
    title: str | None
    before: int | None
    after: int | None
    cause: MoveCause
    rules: list[str]


MoveCause: TypeAlias = Literal[
    "limit", "filter", "seen", "rules", "fallback", "explored", "blend", "reranking", "others"
]


class NamedArm(TypedDict):
    """The experiment that the user is in."""

    experiment_id: str
    arm: str


class NamedItemAnswer(TypedDict):
    """One item."""

    item_id: str
    title: NotRequired[str | None]
    categories: NotRequired[list[str] | None]
    created_at: NotRequired[str | None]
    attributes: NotRequired[dict[str, Any] | None]


class NamedPlacement(TypedDict):
    """The placement that a list was made for."""

    name: str
    version: int


class NewKeyAnswer(TypedDict):
    """A key that was just made."""

    key_id: int
    name: str
    prefix: str
    scopes: list[str]
    per_minute: int | None
    created_at: str
    expires_at: str | None
    revoked_at: str | None
    last_used_at: str | None
    key: str


NothingToCompare: TypeAlias = Literal["run", "user_vector", "item_vector"]


class PageAnswer(TypedDict):
    """A page."""

    fields_unknown: NotRequired[list[str] | None]
    user_id: str | None
    rows: list[RowAnswer]
    dropped: list[DroppedRowAnswer]
    degraded: str | None
    exclusions: ExclusionKnowledge | None
    run: RunAnswer | None
    generated_at: str
    generation_time_ms: float


class PageBody(TypedDict):
    """For whom, and which rows."""

    user_id: NotRequired[str | None]
    rows: list[RowBody]
    fields: NotRequired[list[str] | None]
    context: NotRequired[dict[str, Any] | None]


class PageItemAnswer(TypedDict):
    """One item of a row."""

    item_id: str
    title: NotRequired[str | None]
    categories: NotRequired[list[str] | None]
    created_at: NotRequired[str | None]
    attributes: NotRequired[dict[str, Any] | None]
    score: float


PageRowKind: TypeAlias = Literal[
    "for_you", "because_of", "trending", "new_for_you", "continue", "popular"
]


class PairAnswer(TypedDict):
    """What is known of one pair."""

    score: float | None
    lacking: PairLacking | None


PairLacking: TypeAlias = Literal["first", "second", "both", "vector"]


class PasswordBody(TypedDict):
    """Another password."""

    current: str
    new: str


class PerformanceAnswer(TypedDict):
    """How quick the API has been lately, all its processes together."""

    processes: int
    answering: int
    windows: list[WindowPerformance]


class PlacementAnswer(TypedDict):
    """One version of a placement."""

    name: str
    version: int
    definition: PlacementDefinition
    note: str
    saved_by: str
    saved_at: str | None
    conflicts: list[RuleConflict]


class PlacementBody(TypedDict):
    """The next version of a placement."""

    definition: PlacementDefinition
    base_version: int
    note: NotRequired[str]


class PlacementDefinition(TypedDict):
    """All that is decided for a placement."""

    weights: NotRequired[dict[str, float] | None]
    policy: NotRequired[PolicyName | None]
    sharpness: NotRequired[float | None]
    filter: NotRequired[str | None]
    exclude_seen: NotRequired[bool | None]
    diversity: NotRequired[float | None]
    explore: NotRequired[float | None]
    max_per_category: NotRequired[int | None]
    not_again: NotRequired[str | None]
    limit: NotRequired[int | None]
    fields: NotRequired[list[str] | None]
    fallback: NotRequired[FallbackList | None]
    impressions: NotRequired[bool | None]
    rules: NotRequired[list[Rule]]
    variants: NotRequired[list[Variant]]


class PlacementVersionsAnswer(TypedDict):
    """Versions of a placement, newest first."""

    versions: list[PlacementAnswer]
    next: int | None


class PlacementsAnswer(TypedDict):
    """The placements in force, by name."""

    placements: list[PlacementAnswer]


class PolicyAnswer(TypedDict):
    """How the sources were weighed."""

    name: PolicyName
    weights: dict[str, float]
    sharpness: float
    events_since_cut_off: int


PolicyName: TypeAlias = Literal["fixed", "adaptive", "learned"]


class PopularAnswer(TypedDict):
    """Popular items, best first."""

    placement: NamedPlacement | None
    experiment: NamedArm | None
    recommendation_id: str | None
    fields_unknown: NotRequired[list[str] | None]
    run: RunAnswer | None
    categories_meant: dict[str, str]
    degraded: str | None
    exclusions: ExclusionKnowledge | None
    next: str | None
    items: list[PopularItemAnswer]
    strategy: PopularStrategy


class PopularItemAnswer(TypedDict):
    """One popular item."""

    item_id: str
    title: NotRequired[str | None]
    categories: NotRequired[list[str] | None]
    created_at: NotRequired[str | None]
    attributes: NotRequired[dict[str, Any] | None]
    score: float


PopularList: TypeAlias = Literal["popular"]


PopularStrategy: TypeAlias = Literal["popular", "fallback"]


PopularWindow: TypeAlias = Literal["day", "week", "month", "all"]


class PostedImpression(TypedDict):
    """A list that an app has shown."""

    recommendation_id: str
    user_id: NotRequired[str | None]
    item_ids: list[str]
    placement: NotRequired[ShownPlacement | None]
    experiment: NotRequired[ShownArm | None]
    context: NotRequired[dict[str, Any] | None]
    run_id: NotRequired[int | None]
    shown_at: NotRequired[str | None]


class PreferenceAnswer(TypedDict):
    """What a user wants more or less of."""

    preference_id: str
    direction: PreferenceDirection
    item_id: str | None
    category: str | None
    attribute: str | None
    value: PreferenceValue | None
    created_at: str


class PreferenceBody(TypedDict):
    """More or less of one thing: `item_id`, `category`, or `attribute` with its `value`."""

    direction: PreferenceDirection
    item_id: NotRequired[str | None]
    category: NotRequired[str | None]
    attribute: NotRequired[str | None]
    value: NotRequired[PreferenceValue | None]


class PreferenceChangeAnswer(TypedDict):
    """What one of the user's preferences made of the score of an item."""

    preference_id: str
    direction: PreferenceDirection
    item_id: str | None
    category: str | None
    attribute: str | None
    value: PreferenceValue | None
    change: float


PreferenceDirection: TypeAlias = Literal["more", "less"]


PreferenceValue: TypeAlias = "bool | int | float | str"


class PreferencesAnswer(TypedDict):
    """All that a user wants more or less of, the newest first."""

    user_id: str
    preferences: list[PreferenceAnswer]


class PreviewAnswer(TypedDict):
    """The lists of all users that were asked for."""

    version: int
    lists: list[PreviewedListsAnswer]


class PreviewBody(TypedDict):
    """A draft, and whose lists are to be shown."""

    definition: PlacementDefinition
    users: NotRequired[list[str]]
    drawn: NotRequired[int]
    seed: NotRequired[int]
    context: NotRequired[dict[str, Any] | None]


class PreviewedItem(TypedDict):
    """One item of a list."""

    item_id: str
    title: str | None


class PreviewedListsAnswer(TypedDict):
    """What one user gets now, and would get."""

    user_id: str
    current: list[PreviewedItem]
    draft: list[PreviewedItem]
    moves: list[MoveAnswer]
    problem: InnerProblem | None


class Problem(TypedDict):
    """A problem document (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    errors: NotRequired[list[Fault]]
    error: NotRequired[str | None]
    error_description: NotRequired[str | None]
    event_ids: NotRequired[list[str]]


class ProportionBody(TypedDict):
    """Events of the kind have a value, and weigh in proportion to it."""

    smallest: float
    greatest: float
    reference: float


class RampDefinition(TypedDict):
    """How many users are in it from when on."""

    days: float
    share: float


class RankAnswer(TypedDict):
    """The items in the user's order."""

    fields_unknown: NotRequired[list[str] | None]
    recommendation_id: str
    placement: NamedPlacement | None
    experiment: NamedArm | None
    items: list[ItemAnswer]
    source: RecommendationSource
    strategy: RecommendationStrategy
    categories_meant: dict[str, str]
    degraded: str | None
    exclusions: ExclusionKnowledge
    run: RunAnswer | None
    policy: PolicyAnswer
    preferences: int | None
    next: NotRequired[str | None]
    generated_at: str
    generation_time_ms: float
    list_age_seconds: float
    live_vector_age_seconds: float | None
    algorithm_version: str
    because_withheld: NotRequired[str | None]
    removed: NotRequired[dict[str, int] | None]
    rules_for_users: NotRequired[list[str] | None]
    user_id: str
    left_out: list[str]


class RankBody(TypedDict):
    """Whose order, and of what."""

    user_id: str
    item_ids: list[str]
    exclude_seen: NotRequired[bool]
    explain: NotRequired[bool]
    fields: NotRequired[list[str] | None]


class RatingBody(TypedDict):
    """Events of the kind are ratings."""

    scale: str


class RatioMismatch(TypedDict):
    """Whether users came in the shares they were assigned with."""

    p_value: float
    found: bool


class Ready(TypedDict):
    """Requests can be served."""

    status: ReadyStatus
    postgres: str
    redis: str
    degraded: AwayDependency | None


ReadyStatus: TypeAlias = Literal["ready"]


class RecommendationAnswer(TypedDict):
    """A list for one user."""

    fields_unknown: NotRequired[list[str] | None]
    recommendation_id: str
    placement: NamedPlacement | None
    experiment: NamedArm | None
    items: list[ItemAnswer]
    source: RecommendationSource
    strategy: RecommendationStrategy
    categories_meant: dict[str, str]
    degraded: str | None
    exclusions: ExclusionKnowledge
    run: RunAnswer | None
    policy: PolicyAnswer
    preferences: int | None
    next: NotRequired[str | None]
    generated_at: str
    generation_time_ms: float
    list_age_seconds: float
    live_vector_age_seconds: float | None
    algorithm_version: str
    because_withheld: NotRequired[str | None]
    removed: NotRequired[dict[str, int] | None]
    rules_for_users: NotRequired[list[str] | None]
    user_id: str


class RecommendationBody(TypedDict):
    """For whom, and what the list is to be."""

    limit: NotRequired[int]
    filter: NotRequired[str | None]
    category: NotRequired[list[str] | None]
    exclude_category: NotRequired[list[str] | None]
    exclude: NotRequired[list[str] | None]
    exclude_seen: NotRequired[bool]
    explain: NotRequired[bool]
    max_per_category: NotRequired[int | None]
    diversity: NotRequired[float | None]
    explore: NotRequired[float | None]
    weights: NotRequired[dict[str, float] | None]
    policy: NotRequired[PolicyName | None]
    sharpness: NotRequired[float | None]
    fields: NotRequired[list[str] | None]
    placement: NotRequired[str | None]
    context: NotRequired[dict[str, Any] | None]
    user_id: NotRequired[str | None]
    user_ids: NotRequired[list[str] | None]
    users: NotRequired[list[str] | None]
    items: NotRequired[list[BasketItemBody] | None]
    interest: NotRequired[list[str] | None]
    interest_item: NotRequired[list[str] | None]


RecommendationSource: TypeAlias = Literal[
    "cache", "blend", "speed", "batch", "popular", "trending", "latest", "fallback"
]


RecommendationStrategy: TypeAlias = Literal[
    "blend", "speed", "batch", "popular", "trending", "latest", "fallback"
]


class RecordedAnswer(TypedDict):
    """What became of the batch."""

    accepted: int
    duplicates: int
    event_ids: list[str]
    refused: NotRequired[int]
    results: NotRequired[list[EventResult] | None]


class RecordedImpressionsAnswer(TypedDict):
    """What became of the batch."""

    accepted: int
    duplicates: int


class RefreshBody(TypedDict):
    """Whose answers are made anew."""

    user_id: NotRequired[str | None]


class RefreshedAnswer(TypedDict):
    """What was dropped."""

    dropped: int | None
    redis_away: bool


class RegistrationBody(TypedDict):
    """A name and a password of one's own; an invitation where one is needed."""

    name: str
    password: str
    invitation: NotRequired[str | None]


class RejectedRow(TypedDict):
    """A row that was not loaded."""

    file: str
    row: int
    reason: str
    content: Any


class RelatedUserAnswer(TypedDict):
    """One user."""

    user_id: str
    score: float


class RelatedUsersAnswer(TypedDict):
    """Users, the nearest first."""

    users: list[RelatedUserAnswer]
    run: RunAnswer | None
    lacking: NothingToCompare | None


RemovalReason: TypeAlias = Literal[
    "disliked", "seen", "rule", "named", "excluded", "category", "filter", "unavailable", "capped"
]


class RemovedCounts(TypedDict):
    """How much was removed, by where it was."""

    users: int
    interests: int
    preferences: int
    interactions: int
    event_deletions: int
    history_changes: int
    merged_ids: int
    impressions: int
    recommendation_lists: int
    user_embeddings: int
    activity: int
    experiments: int
    accounts: int
    sessions: int
    kafka_rejects: int
    loads: int
    cached_answers: int | None


class ResetBody(TypedDict):
    """A password by a link."""

    link: str
    password: str


class ResetRequestBody(TypedDict):
    """Whose password was forgotten."""

    name: str


RoleName: TypeAlias = Literal["viewer", "operator", "admin", "user"]


class RollbackBody(TypedDict):
    """Which version is to be in force again."""

    version: int
    base_version: int


class RoutePerformance(TypedDict):
    """How one route did."""

    route: str
    method: str
    requests: int
    errors: int
    p50_ms: float
    p95_ms: float
    p99_ms: float


class RowAnswer(TypedDict):
    """One row, at least as long as was asked."""

    row: PageRowKind
    title_id: str
    placement: NamedPlacement | None
    experiment: NamedArm | None
    recommendation_id: str
    items: list[PageItemAnswer]
    strategy: str
    because_of: BecauseOfAnswer | None
    category: str | None


class RowBody(TypedDict):
    """One row of a page."""

    row: PageRowKind
    title_id: str
    limit: NotRequired[int]
    min: NotRequired[int]
    filter: NotRequired[str | None]
    item_id: NotRequired[str | None]
    category: NotRequired[str | None]
    window: NotRequired[RowWindow | None]
    days: NotRequired[int | None]
    begun: NotRequired[list[str] | None]
    finished: NotRequired[list[str] | None]
    placement: NotRequired[str | None]


RowDropReason: TypeAlias = Literal["too_few", "withheld", "away"]


RowWindow: TypeAlias = Literal["day", "week", "month"]


class Rule(TypedDict):
    """What is done with some items of a list, for whom, and from when until when."""

    name: str
    do: RuleAct
    item_ids: NotRequired[list[str] | None]
    category: NotRequired[str | None]
    filter: NotRequired[str | None]
    factor: NotRequired[float | int | None]
    position: NotRequired[int | None]
    at_most: NotRequired[int | None]
    window: NotRequired[int | None]
    attribute: NotRequired[str | None]
    at_least: NotRequired[int | None]
    users: NotRequired[str | None]
    when: NotRequired[dict[str, Any] | None]
    starts_at: NotRequired[str | None]
    ends_at: NotRequired[str | None]


RuleAct: TypeAlias = Literal["boost", "bury", "pin", "hide", "cap", "reserve"]


class RuleConflict(TypedDict):
    """Rules of which one does not come to its own because of the others."""

    rules: list[str]
    detail: str


class RuleEffectAnswer(TypedDict):
    """What a rule did to an item."""

    name: str
    do: RuleAct
    change: float | None


class RulePreviewAnswer(TypedDict):
    """Whom and what the rules would touch."""

    rules: list[TouchedByRuleAnswer]
    conflicts: list[RuleConflict]


class RulePreviewBody(TypedDict):
    """The rules as they would be saved, in their order."""

    rules: list[Rule]
    limit: NotRequired[int]


class RunAnswer(TypedDict):
    """The model run the whole answer comes from."""

    id: int
    cut_off_at: str
    age_seconds: float


class SearchAnswer(TypedDict):
    """What a search found, the best first."""

    placement: NamedPlacement | None
    experiment: NamedArm | None
    recommendation_id: str | None
    fields_unknown: NotRequired[list[str] | None]
    q: str
    items: list[SearchedItemAnswer]
    match: SearchMatch | None
    corrected: dict[str, str]
    categories_meant: dict[str, str]
    source: FoundItemsSource
    strategy: SearchResultStrategy
    degraded: str | None
    exclusions: ExclusionKnowledge | None
    run: RunAnswer | None
    generation_time_ms: float
    next: str | None


SearchMatch: TypeAlias = Literal["words", "meaning", "popular"]


SearchResultStrategy: TypeAlias = Literal["search", "words", "popular", "fallback"]


class SearchedItemAnswer(TypedDict):
    """One item found."""

    item_id: str
    title: NotRequired[str | None]
    categories: NotRequired[list[str] | None]
    created_at: NotRequired[str | None]
    attributes: NotRequired[dict[str, Any] | None]
    score: float
    match: SearchMatch
    seen: bool
    highlights: HighlightsAnswer | None


ServeOutcome: TypeAlias = Literal["served", "under_way"]


class ServedRunAnswer(TypedDict):
    """A run that was asked to be served."""

    run_id: int
    outcome: ServeOutcome


class SessionAnswer(TypedDict):
    """The session of a browser; what signs it in is in a cookie that no script can read."""

    account: WhoAnswer
    csrf_token: str


class SessionBody(TypedDict):
    """A sign-in of a browser."""

    name: str
    password: str


class SettingAnswer(TypedDict):
    """One setting."""

    name: str
    value: str | None
    origin: SettingOrigin
    description: str


SettingOrigin: TypeAlias = Literal["environment", "default"]


class SettingsAnswer(TypedDict):
    """The settings of the API that are in force, by name."""

    settings: list[SettingAnswer]


class ShownArm(TypedDict):
    """The `experiment` of the answer that was shown."""

    experiment_id: str
    arm: str


class ShownPlacement(TypedDict):
    """The `placement` of the answer that was shown."""

    name: str
    version: int


class SignInAnswer(TypedDict):
    """Tokens, shown this once (RFC 6749, 5.1)."""

    access_token: str
    token_type: NotRequired[str]
    expires_in: int
    refresh_token: str
    scope: RoleName


class SimilarAnswer(TypedDict):
    """Items like others, the most similar first."""

    placement: NamedPlacement | None
    experiment: NamedArm | None
    recommendation_id: str | None
    fields_unknown: NotRequired[list[str] | None]
    items: list[SimilarItemAnswer]
    categories_meant: dict[str, str]
    source: FoundItemsSource
    strategy: SimilarItemsStrategy
    degraded: str | None
    exclusions: ExclusionKnowledge | None
    run: RunAnswer | None
    unknown_item_ids: list[str]
    generation_time_ms: float
    next: str | None


class SimilarItemAnswer(TypedDict):
    """One similar item."""

    item_id: str
    title: NotRequired[str | None]
    categories: NotRequired[list[str] | None]
    created_at: NotRequired[str | None]
    attributes: NotRequired[dict[str, Any] | None]
    score: float
    used_by_same_people: float
    similar_in_words: float


SimilarItemsStrategy: TypeAlias = Literal["similar", "words", "popular", "fallback"]


class SimilarityAnswer(TypedDict):
    """A score for each pair, in the order in which the pairs were given."""

    item_pairs: list[PairAnswer]
    user_item_pairs: list[PairAnswer]
    user_pairs: list[PairAnswer]
    run: RunAnswer | None


class SimilarityBody(TypedDict):
    """The pairs that are asked about: a thousand at most, in all three lists together."""

    item_pairs: NotRequired[list[list[str]]]
    user_item_pairs: NotRequired[list[list[str]]]
    user_pairs: NotRequired[list[list[str]]]


SourceName: TypeAlias = "str"


class SourceScoreAnswer(TypedDict):
    """What one source says of an item."""

    score: float
    scaled: float
    rank: int


class StarterAnswer(TypedDict):
    """Items to choose from, each as different as can be from those before it."""

    placement: NamedPlacement | None
    experiment: NamedArm | None
    recommendation_id: str | None
    fields_unknown: NotRequired[list[str] | None]
    run: RunAnswer | None
    categories_meant: dict[str, str]
    degraded: str | None
    exclusions: ExclusionKnowledge | None
    next: str | None
    items: list[NamedItemAnswer]
    strategy: StarterStrategy


StarterStrategy: TypeAlias = Literal["starter", "popular", "fallback"]


class StopBody(TypedDict):
    """Why it ends."""

    because: NotRequired[str]


class StoredItemAnswer(TypedDict):
    """An item as the catalogue has it, and files may bring in more than a request may say."""

    title: str
    categories: list[str]
    description: str
    attributes: dict[str, Any]
    available: NotRequired[bool]
    item_id: str
    created_at: str
    updated_at: str


class SurprisingAnswer(TypedDict):
    """Items that would surprise a user, or did."""

    fields_unknown: NotRequired[list[str] | None]
    recommendation_id: str | None
    user_id: str
    items: list[SurprisingItemAnswer]
    source: SurprisingSource
    strategy: SurprisingItemsStrategy
    degraded: str | None
    exclusions: ExclusionKnowledge | None
    run: RunAnswer | None
    generation_time_ms: float


class SurprisingItemAnswer(TypedDict):
    """One item."""

    item_id: str
    title: NotRequired[str | None]
    categories: NotRequired[list[str] | None]
    created_at: NotRequired[str | None]
    attributes: NotRequired[dict[str, Any] | None]
    score: float
    relevance: float | None
    novelty: float | None
    users: int


SurprisingItemsStrategy: TypeAlias = Literal["surprising", "known", "no_vector"]


SurprisingSource: TypeAlias = Literal["cache", "surprising", "known", "no_vector"]


class TogetherAnswer(TypedDict):
    """Items that go with one."""

    fields_unknown: NotRequired[list[str] | None]
    items: list[TogetherItemAnswer]
    source: TogetherSource
    strategy: TogetherMode
    degraded: str | None
    exclusions: ExclusionKnowledge | None
    run: RunAnswer | None
    generation_time_ms: float


class TogetherItemAnswer(TypedDict):
    """One item that users of the other one used too."""

    item_id: str
    title: NotRequired[str | None]
    categories: NotRequired[list[str] | None]
    created_at: NotRequired[str | None]
    attributes: NotRequired[dict[str, Any] | None]
    score: float
    share: float
    users: int


TogetherMode: TypeAlias = Literal["strict", "relaxed"]


TogetherSource: TypeAlias = Literal["cache", "strict", "relaxed"]


class TokenAnswer(TypedDict):
    """A token, shown this once."""

    token: str
    token_type: NotRequired[TokenType]
    user_id: str
    expires_at: str


class TokenBody(TypedDict):
    """For whom a token is, and for how long."""

    user_id: str
    seconds: NotRequired[int | None]


TokenType: TypeAlias = Literal["Bearer"]


class TouchedByRuleAnswer(TypedDict):
    """What a rule is about."""

    name: str
    items: int
    examples: list[ExampleItemAnswer]
    users: int | None
    holds_now: bool


class TrendingAnswer(TypedDict):
    """Trending items, best first."""

    placement: NamedPlacement | None
    experiment: NamedArm | None
    recommendation_id: str | None
    fields_unknown: NotRequired[list[str] | None]
    run: RunAnswer | None
    categories_meant: dict[str, str]
    degraded: str | None
    exclusions: ExclusionKnowledge | None
    next: str | None
    items: list[PopularItemAnswer]
    strategy: TrendingStrategy


TrendingStrategy: TypeAlias = Literal["trending", "popular", "fallback"]


TrendingWindow: TypeAlias = Literal["day", "week", "month"]


class UndoneLoad(TypedDict):
    """What was taken back."""

    events: int
    items_removed: int
    users_removed: NotRequired[int]
    items_kept: int
    items_restored: int


class UserAnswer(TypedDict):
    """What is said of a user. What the user did is not shown here."""

    user_id: str
    attributes: dict[str, Any]
    interests: InterestsAnswer
    declared_at: str | None
    created_at: str


class UserBatch(TypedDict):
    """Up to 1,000 users, each once."""

    users: list[UserEntry]


class UserBatchAnswer(TypedDict):
    """What became of the batch."""

    created: int
    replaced: int
    refused: int
    results: list[UserResult]


class UserBody(TypedDict):
    """All that is said of a user; what is left out takes its default."""

    attributes: NotRequired[dict[str, str | int | float | bool | list[Any] | dict[str, Any] | None]]
    interests: NotRequired[InterestsBody]


class UserEntry(TypedDict):
    """A user of a batch."""

    attributes: NotRequired[dict[str, str | int | float | bool | list[Any] | dict[str, Any] | None]]
    interests: NotRequired[InterestsBody]
    user_id: str


class UserPatch(TypedDict):
    """What is to be different, as a JSON merge patch (RFC 7396); what is left out stays."""

    attributes: NotRequired[
        dict[str, str | int | float | bool | list[Any] | dict[str, Any] | None] | None
    ]
    interests: NotRequired[InterestsPatch | None]


class UserResult(TypedDict):
    """What became of one user of a batch."""

    user_id: str | None
    status: UserStatus
    errors: list[FaultAnswer]


UserStatus: TypeAlias = Literal["created", "replaced", "refused"]


class UsersAnswer(TypedDict):
    """Some users, in the order in which they came."""

    users: list[UserAnswer]
    next: str | None


class ValueAnswer(TypedDict):
    """The values that events of a kind have."""

    smallest: float
    greatest: float
    reference: float | None


class Variant(TypedDict):
    """What is decided otherwise where the context of a request is such."""

    weights: NotRequired[dict[str, float] | None]
    policy: NotRequired[PolicyName | None]
    sharpness: NotRequired[float | None]
    filter: NotRequired[str | None]
    exclude_seen: NotRequired[bool | None]
    diversity: NotRequired[float | None]
    explore: NotRequired[float | None]
    max_per_category: NotRequired[int | None]
    not_again: NotRequired[str | None]
    limit: NotRequired[int | None]
    fields: NotRequired[list[str] | None]
    fallback: NotRequired[FallbackList | None]
    impressions: NotRequired[bool | None]
    when: dict[str, Any]


class WhoAnswer(TypedDict):
    """Who is signed in."""

    account_id: int | None
    name: str | None
    role: RoleName
    user_id: str | None


class WholeModelRunAnswer(TypedDict):
    """One model run with all that is known of it."""

    run_id: int
    state: str
    live: bool
    cut_off_at: str
    started_at: str
    finished_at: str | None
    seconds: float | None
    metrics: dict[str, Any]
    reason: str | None
    parameters: dict[str, Any] | None
    step_seconds: dict[str, float] | None


class WindowPerformance(TypedDict):
    """What happened in the last minutes."""

    minutes: int
    seconds: float
    routes: list[RoutePerformance]
    cache_hits: int
    cache_misses: int
    cache_hit_rate: float | None
    lists: int
    candidates_per_list: float | None


class WordAnswer(TypedDict):
    """A declared word or phrase."""

    word: str
    known: bool
