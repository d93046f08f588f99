"""The operations of the API, to be awaited.

Made of the description of the API by `python -m tests.client_code`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from tandem_client import models
from tandem_client.call import Call, in_path


class AsyncCalls:
    """A method for each operation of the API."""

    async def call(self, call: Call) -> Any:
        """The body of the answer."""
        raise NotImplementedError

    async def recommend(
        self,
        user_id: str,
        *,
        category: Sequence[str] | None = None,
        exclude_category: Sequence[str] | None = None,
        exclude: Sequence[str] | None = None,
        limit: int | None = None,
        filter: str | None = None,
        fields: Sequence[str] | None = None,
        exclude_seen: bool | None = None,
        explain: bool | None = None,
        interest: Sequence[str] | None = None,
        interest_item: Sequence[str] | None = None,
        max_per_category: int | None = None,
        diversity: float | None = None,
        explore: float | None = None,
        weights: Sequence[str] | None = None,
        policy: models.PolicyName | None = None,
        sharpness: float | None = None,
        cursor: str | None = None,
        not_again: str | None = None,
        use_cache: bool | None = None,
        placement: str | None = None,
        context: Sequence[str] | None = None,
    ) -> models.RecommendationAnswer:
        """Recommend items to a user, known or not."""
        return cast(
            "models.RecommendationAnswer",
            await self.call(
                Call(
                    "GET",
                    f"/v1/users/{in_path(user_id)}/recommendations",
                    query={
                        "category": category,
                        "exclude_category": exclude_category,
                        "exclude": exclude,
                        "limit": limit,
                        "filter": filter,
                        "fields": fields,
                        "exclude_seen": exclude_seen,
                        "explain": explain,
                        "interest": interest,
                        "interest_item": interest_item,
                        "max_per_category": max_per_category,
                        "diversity": diversity,
                        "explore": explore,
                        "weights": weights,
                        "policy": policy,
                        "sharpness": sharpness,
                        "cursor": cursor,
                        "not_again": not_again,
                        "use_cache": use_cache,
                        "placement": placement,
                        "context": context,
                    },
                    repeatable=True,
                )
            ),
        )

    async def record_events(
        self,
        body: models.EventBatch,
        *,
        partial: bool | None = None,
        create_items: bool | None = None,
    ) -> models.RecordedAnswer:
        """Record what users did: all events of the batch, or none and the reasons."""
        return cast(
            "models.RecordedAnswer",
            await self.call(
                Call(
                    "POST",
                    "/v1/events",
                    body=body,
                    query={"partial": partial, "create_items": create_items},
                    repeatable=True,
                )
            ),
        )

    async def find_events(
        self,
        *,
        user_id: str | None = None,
        item_id: str | None = None,
        kind: str | None = None,
        from_: str | None = None,
        to: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> models.EventsAnswer:
        """The events of a user, with an item, or both, newest first and page by page."""
        return cast(
            "models.EventsAnswer",
            await self.call(
                Call(
                    "GET",
                    "/v1/events",
                    query={
                        "user_id": user_id,
                        "item_id": item_id,
                        "kind": kind,
                        "from": from_,
                        "to": to,
                        "limit": limit,
                        "cursor": cursor,
                    },
                    repeatable=True,
                )
            ),
        )

    async def delete_events(
        self,
        *,
        user_id: str | None = None,
        item_id: str | None = None,
        kind: str | None = None,
        from_: str | None = None,
        to: str | None = None,
        limit: int | None = None,
    ) -> models.DeletedEventsAnswer:
        """Delete events of a user, with an item, or of a time: they never count again."""
        return cast(
            "models.DeletedEventsAnswer",
            await self.call(
                Call(
                    "DELETE",
                    "/v1/events",
                    query={
                        "user_id": user_id,
                        "item_id": item_id,
                        "kind": kind,
                        "from": from_,
                        "to": to,
                        "limit": limit,
                    },
                    repeatable=True,
                )
            ),
        )

    async def delete_event(self, event_id: str) -> models.DeletedEventAnswer:
        """Delete an event by the `event_id` it was sent with: it never counts again."""
        return cast(
            "models.DeletedEventAnswer",
            await self.call(Call("DELETE", f"/v1/events/{in_path(event_id)}", repeatable=True)),
        )

    async def event_kinds(self) -> models.EventKindsAnswer:
        """Which kinds of events there are, what each counts, and which values it takes."""
        return cast(
            "models.EventKindsAnswer",
            await self.call(Call("GET", "/v1/event-kinds", repeatable=True)),
        )

    async def record_impressions(
        self, body: models.ImpressionBatch
    ) -> models.RecordedImpressionsAnswer:
        """Record lists that an app has shown itself, as it caches them or puts them into mails."""
        return cast(
            "models.RecordedImpressionsAnswer",
            await self.call(Call("POST", "/v1/impressions", body=body)),
        )

    async def recommend_to(
        self, body: models.RecommendationBody
    ) -> models.AskedAnswer | models.ManyAnswer:
        """Recommend items to a user, a group, many users, or from a basket alone."""
        return cast(
            "models.AskedAnswer | models.ManyAnswer",
            await self.call(Call("POST", "/v1/recommendations", body=body, repeatable=True)),
        )

    async def rank(self, body: models.RankBody) -> models.RankAnswer:
        """Put the app's own items in the order in which they would be recommended to a user."""
        return cast(
            "models.RankAnswer",
            await self.call(Call("POST", "/v1/rank", body=body, repeatable=True)),
        )

    async def make_page(self, body: models.PageBody) -> models.PageAnswer:
        """Several lists at once, as the rows of a start page: no item in two of them."""
        return cast(
            "models.PageAnswer",
            await self.call(Call("POST", "/v1/pages", body=body, repeatable=True)),
        )

    async def list_experiments(
        self, *, state: models.ExperimentState | None = None
    ) -> models.ExperimentsAnswer:
        """All experiments, the newest first."""
        return cast(
            "models.ExperimentsAnswer",
            await self.call(
                Call("GET", "/v1/experiments", query={"state": state}, repeatable=True)
            ),
        )

    async def find_experiment(self, experiment_id: str) -> models.ExperimentAnswer:
        """An experiment with what is known now: intervals that may be looked at at any time."""
        return cast(
            "models.ExperimentAnswer",
            await self.call(
                Call("GET", f"/v1/experiments/{in_path(experiment_id)}", repeatable=True)
            ),
        )

    async def save_experiment(
        self, experiment_id: str, body: models.ExperimentBody
    ) -> models.Experiment:
        """Save a draft: nobody is in it before it is started, and it cannot be changed after that."""
        return cast(
            "models.Experiment",
            await self.call(
                Call("PUT", f"/v1/experiments/{in_path(experiment_id)}", body=body, repeatable=True)
            ),
        )

    async def start_experiment(self, experiment_id: str) -> models.Experiment:
        """Start a draft: within a second its users get their arms. Twice is once."""
        return cast(
            "models.Experiment",
            await self.call(Call("POST", f"/v1/experiments/{in_path(experiment_id)}/start")),
        )

    async def stop_experiment(self, experiment_id: str, body: models.StopBody) -> models.Experiment:
        """End an experiment: everybody gets what the placement decides. Twice is once."""
        return cast(
            "models.Experiment",
            await self.call(
                Call("POST", f"/v1/experiments/{in_path(experiment_id)}/stop", body=body)
            ),
        )

    async def adopt_arm(self, experiment_id: str, body: models.AdoptBody) -> models.Experiment:
        """End an experiment and decide for its placement as an arm does, in one act."""
        return cast(
            "models.Experiment",
            await self.call(
                Call("POST", f"/v1/experiments/{in_path(experiment_id)}/adopt", body=body)
            ),
        )

    async def list_placements(self) -> models.PlacementsAnswer:
        """What is decided for each placement now. The default is always among them."""
        return cast(
            "models.PlacementsAnswer",
            await self.call(Call("GET", "/v1/placements", repeatable=True)),
        )

    async def find_placement(self, name: str) -> models.PlacementAnswer:
        """What is decided for a placement now, who decided it and when."""
        return cast(
            "models.PlacementAnswer",
            await self.call(Call("GET", f"/v1/placements/{in_path(name)}", repeatable=True)),
        )

    async def save_placement(self, name: str, body: models.PlacementBody) -> models.PlacementAnswer:
        """Decide for a placement: a new version, in force in all processes within a second."""
        return cast(
            "models.PlacementAnswer",
            await self.call(
                Call("PUT", f"/v1/placements/{in_path(name)}", body=body, repeatable=True)
            ),
        )

    async def delete_placement(self, name: str, *, base_version: int) -> None:
        """End a placement. Requests that name it are refused from then on; its versions stay."""
        await self.call(
            Call(
                "DELETE",
                f"/v1/placements/{in_path(name)}",
                query={"base_version": base_version},
                repeatable=True,
            )
        )

    async def placement_versions(
        self, name: str, *, limit: int | None = None, before: int | None = None
    ) -> models.PlacementVersionsAnswer:
        """All that was ever decided for a placement, newest first."""
        return cast(
            "models.PlacementVersionsAnswer",
            await self.call(
                Call(
                    "GET",
                    f"/v1/placements/{in_path(name)}/versions",
                    query={"limit": limit, "before": before},
                    repeatable=True,
                )
            ),
        )

    async def roll_back_placement(
        self, name: str, body: models.RollbackBody
    ) -> models.PlacementAnswer:
        """Decide as an older version did: it is saved again, as the next one."""
        return cast(
            "models.PlacementAnswer",
            await self.call(Call("POST", f"/v1/placements/{in_path(name)}/rollback", body=body)),
        )

    async def preview_rules(self, body: models.RulePreviewBody) -> models.RulePreviewAnswer:
        """Whom and what rules would touch, and which get into each other's way; nothing is saved."""
        return cast(
            "models.RulePreviewAnswer",
            await self.call(Call("POST", "/v1/rules/preview", body=body)),
        )

    async def preview_placement(self, name: str, body: models.PreviewBody) -> models.PreviewAnswer:
        """Show what a draft would change: users' lists under it beside those of now, and what moved."""
        return cast(
            "models.PreviewAnswer",
            await self.call(Call("POST", f"/v1/placements/{in_path(name)}/preview", body=body)),
        )

    async def find_kind(self, kind: str) -> models.EventKindAnswer:
        """What an event of a kind counts, and which values it takes."""
        return cast(
            "models.EventKindAnswer",
            await self.call(Call("GET", f"/v1/event-kinds/{in_path(kind)}", repeatable=True)),
        )

    async def put_kind(self, kind: str, body: models.KindBody) -> models.EventKindAnswer:
        """Create a kind of events, or replace all that is said of it. Its events are taken at once."""
        return cast(
            "models.EventKindAnswer",
            await self.call(
                Call("PUT", f"/v1/event-kinds/{in_path(kind)}", body=body, repeatable=True)
            ),
        )

    async def delete_kind(self, kind: str) -> None:
        """Delete a kind of which no event is recorded."""
        await self.call(Call("DELETE", f"/v1/event-kinds/{in_path(kind)}", repeatable=True))

    async def popular(
        self,
        *,
        window: models.PopularWindow | None = None,
        limit: int | None = None,
        category: str | None = None,
        filter: str | None = None,
        exclude: Sequence[str] | None = None,
        fields: Sequence[str] | None = None,
        user_id: str | None = None,
        cursor: str | None = None,
        placement: str | None = None,
        context: Sequence[str] | None = None,
    ) -> models.PopularAnswer:
        """What is popular with everybody, in the whole catalogue or in a category."""
        return cast(
            "models.PopularAnswer",
            await self.call(
                Call(
                    "GET",
                    "/v1/popular",
                    query={
                        "window": window,
                        "limit": limit,
                        "category": category,
                        "filter": filter,
                        "exclude": exclude,
                        "fields": fields,
                        "user_id": user_id,
                        "cursor": cursor,
                        "placement": placement,
                        "context": context,
                    },
                    repeatable=True,
                )
            ),
        )

    async def trending(
        self,
        *,
        window: models.TrendingWindow | None = None,
        limit: int | None = None,
        category: str | None = None,
        filter: str | None = None,
        exclude: Sequence[str] | None = None,
        fields: Sequence[str] | None = None,
        user_id: str | None = None,
        cursor: str | None = None,
        placement: str | None = None,
        context: Sequence[str] | None = None,
    ) -> models.TrendingAnswer:
        """What rises: liked by surprisingly many in the last window, after the four windows before."""
        return cast(
            "models.TrendingAnswer",
            await self.call(
                Call(
                    "GET",
                    "/v1/trending",
                    query={
                        "window": window,
                        "limit": limit,
                        "category": category,
                        "filter": filter,
                        "exclude": exclude,
                        "fields": fields,
                        "user_id": user_id,
                        "cursor": cursor,
                        "placement": placement,
                        "context": context,
                    },
                    repeatable=True,
                )
            ),
        )

    async def latest(
        self,
        *,
        limit: int | None = None,
        category: str | None = None,
        filter: str | None = None,
        exclude: Sequence[str] | None = None,
        fields: Sequence[str] | None = None,
        user_id: str | None = None,
        cursor: str | None = None,
        placement: str | None = None,
        context: Sequence[str] | None = None,
    ) -> models.LatestAnswer:
        """The available items that came into the catalogue last, the newest first."""
        return cast(
            "models.LatestAnswer",
            await self.call(
                Call(
                    "GET",
                    "/v1/latest",
                    query={
                        "limit": limit,
                        "category": category,
                        "filter": filter,
                        "exclude": exclude,
                        "fields": fields,
                        "user_id": user_id,
                        "cursor": cursor,
                        "placement": placement,
                        "context": context,
                    },
                    repeatable=True,
                )
            ),
        )

    async def starter(
        self,
        *,
        session: str | None = None,
        limit: int | None = None,
        category: str | None = None,
        filter: str | None = None,
        exclude: Sequence[str] | None = None,
        fields: Sequence[str] | None = None,
        user_id: str | None = None,
        cursor: str | None = None,
        placement: str | None = None,
        context: Sequence[str] | None = None,
    ) -> models.StarterAnswer:
        """Well-known items for a new user to choose from, each as different as can be from the others."""
        return cast(
            "models.StarterAnswer",
            await self.call(
                Call(
                    "GET",
                    "/v1/starter",
                    query={
                        "session": session,
                        "limit": limit,
                        "category": category,
                        "filter": filter,
                        "exclude": exclude,
                        "fields": fields,
                        "user_id": user_id,
                        "cursor": cursor,
                        "placement": placement,
                        "context": context,
                    },
                    repeatable=True,
                )
            ),
        )

    async def similar_to_item(
        self,
        item_id: str,
        *,
        category: Sequence[str] | None = None,
        exclude_category: Sequence[str] | None = None,
        exclude: Sequence[str] | None = None,
        limit: int | None = None,
        filter: str | None = None,
        fields: Sequence[str] | None = None,
        user_id: str | None = None,
        cursor: str | None = None,
        placement: str | None = None,
        context: Sequence[str] | None = None,
        exclude_seen: bool | None = None,
    ) -> models.SimilarAnswer:
        """Items like this one: used by the same people, and similar in what is said of them."""
        return cast(
            "models.SimilarAnswer",
            await self.call(
                Call(
                    "GET",
                    f"/v1/items/{in_path(item_id)}/similar",
                    query={
                        "category": category,
                        "exclude_category": exclude_category,
                        "exclude": exclude,
                        "limit": limit,
                        "filter": filter,
                        "fields": fields,
                        "user_id": user_id,
                        "cursor": cursor,
                        "placement": placement,
                        "context": context,
                        "exclude_seen": exclude_seen,
                    },
                    repeatable=True,
                )
            ),
        )

    async def similar_to_items(
        self,
        *,
        category: Sequence[str] | None = None,
        exclude_category: Sequence[str] | None = None,
        exclude: Sequence[str] | None = None,
        limit: int | None = None,
        filter: str | None = None,
        fields: Sequence[str] | None = None,
        user_id: str | None = None,
        cursor: str | None = None,
        placement: str | None = None,
        context: Sequence[str] | None = None,
        exclude_seen: bool | None = None,
        item_id: Sequence[str],
    ) -> models.SimilarAnswer:
        """Items like several, as those in a cart or of a page: near to the middle of them all."""
        return cast(
            "models.SimilarAnswer",
            await self.call(
                Call(
                    "GET",
                    "/v1/similar",
                    query={
                        "category": category,
                        "exclude_category": exclude_category,
                        "exclude": exclude,
                        "limit": limit,
                        "filter": filter,
                        "fields": fields,
                        "user_id": user_id,
                        "cursor": cursor,
                        "placement": placement,
                        "context": context,
                        "exclude_seen": exclude_seen,
                        "item_id": item_id,
                    },
                    repeatable=True,
                )
            ),
        )

    async def used_together(
        self,
        item_id: str,
        *,
        category: Sequence[str] | None = None,
        exclude_category: Sequence[str] | None = None,
        exclude: Sequence[str] | None = None,
        limit: int | None = None,
        filter: str | None = None,
        fields: Sequence[str] | None = None,
        user_id: str | None = None,
        mode: models.TogetherMode | None = None,
        within_minutes: int | None = None,
        kind: Sequence[str] | None = None,
        exclude_seen: bool | None = None,
    ) -> models.TogetherAnswer:
        """Items that go with this one: bought or used by the same users, in a session or ever."""
        return cast(
            "models.TogetherAnswer",
            await self.call(
                Call(
                    "GET",
                    f"/v1/items/{in_path(item_id)}/together",
                    query={
                        "category": category,
                        "exclude_category": exclude_category,
                        "exclude": exclude,
                        "limit": limit,
                        "filter": filter,
                        "fields": fields,
                        "user_id": user_id,
                        "mode": mode,
                        "within_minutes": within_minutes,
                        "kind": kind,
                        "exclude_seen": exclude_seen,
                    },
                    repeatable=True,
                )
            ),
        )

    async def surprising_items(
        self,
        user_id: str,
        *,
        category: Sequence[str] | None = None,
        exclude_category: Sequence[str] | None = None,
        exclude: Sequence[str] | None = None,
        limit: int | None = None,
        filter: str | None = None,
        fields: Sequence[str] | None = None,
        exclude_seen: bool | None = None,
        known: bool | None = None,
    ) -> models.SurprisingAnswer:
        """Items near the user's taste that hardly anybody knows."""
        return cast(
            "models.SurprisingAnswer",
            await self.call(
                Call(
                    "GET",
                    f"/v1/users/{in_path(user_id)}/surprising",
                    query={
                        "category": category,
                        "exclude_category": exclude_category,
                        "exclude": exclude,
                        "limit": limit,
                        "filter": filter,
                        "fields": fields,
                        "exclude_seen": exclude_seen,
                        "known": known,
                    },
                    repeatable=True,
                )
            ),
        )

    async def similarity(self, body: models.SimilarityBody) -> models.SimilarityAnswer:
        """How near the two of each pair are: items, a user and an item, or users."""
        return cast(
            "models.SimilarityAnswer",
            await self.call(Call("POST", "/v1/similarity", body=body, repeatable=True)),
        )

    async def similar_users(
        self, user_id: str, *, limit: int | None = None
    ) -> models.RelatedUsersAnswer:
        """Users whose taste is nearest to this one's, by their live vectors as of now."""
        return cast(
            "models.RelatedUsersAnswer",
            await self.call(
                Call(
                    "GET",
                    f"/v1/users/{in_path(user_id)}/similar",
                    query={"limit": limit},
                    repeatable=True,
                )
            ),
        )

    async def users_of_item(
        self, item_id: str, *, limit: int | None = None, exclude_seen: bool | None = None
    ) -> models.RelatedUsersAnswer:
        """Users who would like this item, and have not seen it: their taste is nearest to it."""
        return cast(
            "models.RelatedUsersAnswer",
            await self.call(
                Call(
                    "GET",
                    f"/v1/items/{in_path(item_id)}/users",
                    query={"limit": limit, "exclude_seen": exclude_seen},
                    repeatable=True,
                )
            ),
        )

    async def active_users(
        self, *, days: float | None = None, limit: int | None = None
    ) -> models.ActiveUsersAnswer:
        """The users who did most in the last days, by how many of their events there are."""
        return cast(
            "models.ActiveUsersAnswer",
            await self.call(
                Call(
                    "GET", "/v1/active-users", query={"days": days, "limit": limit}, repeatable=True
                )
            ),
        )

    async def search(
        self,
        *,
        category: Sequence[str] | None = None,
        exclude_category: Sequence[str] | None = None,
        exclude: Sequence[str] | None = None,
        limit: int | None = None,
        filter: str | None = None,
        fields: Sequence[str] | None = None,
        user_id: str | None = None,
        cursor: str | None = None,
        placement: str | None = None,
        context: Sequence[str] | None = None,
        q: str,
        exclude_seen: bool | None = None,
        only_words: bool | None = None,
        highlight: bool | None = None,
    ) -> models.SearchAnswer:
        """Search the catalogue: by words, by what they mean, and, with user_id, by the user's taste."""
        return cast(
            "models.SearchAnswer",
            await self.call(
                Call(
                    "GET",
                    "/v1/search",
                    query={
                        "category": category,
                        "exclude_category": exclude_category,
                        "exclude": exclude,
                        "limit": limit,
                        "filter": filter,
                        "fields": fields,
                        "user_id": user_id,
                        "cursor": cursor,
                        "placement": placement,
                        "context": context,
                        "q": q,
                        "exclude_seen": exclude_seen,
                        "only_words": only_words,
                        "highlight": highlight,
                    },
                    repeatable=True,
                )
            ),
        )

    async def list_items(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        category: Sequence[str] | None = None,
        exclude_category: Sequence[str] | None = None,
        available: bool | None = None,
        filter: str | None = None,
        total: bool | None = None,
    ) -> models.ItemsAnswer:
        """The catalogue, page by page, in the order in which items came into it."""
        return cast(
            "models.ItemsAnswer",
            await self.call(
                Call(
                    "GET",
                    "/v1/items",
                    query={
                        "limit": limit,
                        "cursor": cursor,
                        "category": category,
                        "exclude_category": exclude_category,
                        "available": available,
                        "filter": filter,
                        "total": total,
                    },
                    repeatable=True,
                )
            ),
        )

    async def store_items(
        self, body: models.ItemBatch, *, partial: bool | None = None
    ) -> models.ItemBatchAnswer:
        """Create or replace items: all of the batch, or none and the reasons."""
        return cast(
            "models.ItemBatchAnswer",
            await self.call(Call("POST", "/v1/items", body=body, query={"partial": partial})),
        )

    async def list_categories(
        self, *, limit: int | None = None, cursor: str | None = None
    ) -> models.CategoriesAnswer:
        """The categories of available items in the order of their names, with how many have each."""
        return cast(
            "models.CategoriesAnswer",
            await self.call(
                Call(
                    "GET",
                    "/v1/categories",
                    query={"limit": limit, "cursor": cursor},
                    repeatable=True,
                )
            ),
        )

    async def find_item(self, item_id: str) -> models.StoredItemAnswer:
        """What the catalogue says of an item."""
        return cast(
            "models.StoredItemAnswer",
            await self.call(Call("GET", f"/v1/items/{in_path(item_id)}", repeatable=True)),
        )

    async def store_item(self, item_id: str, body: models.ItemBody) -> models.StoredItemAnswer:
        """Create an item, or replace all that is said of it."""
        return cast(
            "models.StoredItemAnswer",
            await self.call(
                Call("PUT", f"/v1/items/{in_path(item_id)}", body=body, repeatable=True)
            ),
        )

    async def patch_item(self, item_id: str, body: models.ItemPatch) -> models.StoredItemAnswer:
        """Change a part of what is said of an item (JSON merge patch, RFC 7396)."""
        return cast(
            "models.StoredItemAnswer",
            await self.call(
                Call("PATCH", f"/v1/items/{in_path(item_id)}", body=body, repeatable=True)
            ),
        )

    async def delete_item(self, item_id: str) -> models.DeletedItemAnswer:
        """Take an item out of the catalogue: from the answer on it is in no list, cached or not."""
        return cast(
            "models.DeletedItemAnswer",
            await self.call(Call("DELETE", f"/v1/items/{in_path(item_id)}", repeatable=True)),
        )

    async def list_users(
        self, *, limit: int | None = None, cursor: str | None = None
    ) -> models.UsersAnswer:
        """All users, page by page, in the order in which they came."""
        return cast(
            "models.UsersAnswer",
            await self.call(
                Call("GET", "/v1/users", query={"limit": limit, "cursor": cursor}, repeatable=True)
            ),
        )

    async def put_users(
        self, body: models.UserBatch, *, partial: bool | None = None
    ) -> models.UserBatchAnswer:
        """Create users, or replace all that is said of them: all of the batch, or none."""
        return cast(
            "models.UserBatchAnswer",
            await self.call(Call("POST", "/v1/users", body=body, query={"partial": partial})),
        )

    async def find_user(self, user_id: str) -> models.UserAnswer:
        """A user's profile, and which of the declared words count in the served run."""
        return cast(
            "models.UserAnswer",
            await self.call(Call("GET", f"/v1/users/{in_path(user_id)}", repeatable=True)),
        )

    async def put_user(self, user_id: str, body: models.UserBody) -> models.UserAnswer:
        """Create a user, or replace all that is said of one; harmless twice."""
        return cast(
            "models.UserAnswer",
            await self.call(
                Call("PUT", f"/v1/users/{in_path(user_id)}", body=body, repeatable=True)
            ),
        )

    async def patch_user(self, user_id: str, body: models.UserPatch) -> models.UserAnswer:
        """Change a part of what is said of a user (JSON merge patch, RFC 7396)."""
        return cast(
            "models.UserAnswer",
            await self.call(
                Call("PATCH", f"/v1/users/{in_path(user_id)}", body=body, repeatable=True)
            ),
        )

    async def forget_user(self, user_id: str) -> models.ForgottenUserAnswer:
        """Forget a user: remove all events, interests, preferences, lists, vectors, and the rest."""
        return cast(
            "models.ForgottenUserAnswer",
            await self.call(Call("DELETE", f"/v1/users/{in_path(user_id)}", repeatable=True)),
        )

    async def merge_user(self, user_id: str, body: models.MergeBody) -> models.MergedAnswer:
        """Make another user part of this one, as a visitor who signs in: history, interests, the rest."""
        return cast(
            "models.MergedAnswer",
            await self.call(Call("POST", f"/v1/users/{in_path(user_id)}/merge", body=body)),
        )

    async def history(
        self, user_id: str, *, limit: int | None = None, cursor: str | None = None
    ) -> models.HistoryAnswer:
        """What a user has done, the newest first; nothing for somebody unknown."""
        return cast(
            "models.HistoryAnswer",
            await self.call(
                Call(
                    "GET",
                    f"/v1/users/{in_path(user_id)}/history",
                    query={"limit": limit, "cursor": cursor},
                    repeatable=True,
                )
            ),
        )

    async def export_user(self, user_id: str) -> str:
        """All that is stored of a user, as lines of JSON: what the user may ask for."""
        return cast(
            "str",
            await self.call(Call("GET", f"/v1/users/{in_path(user_id)}/export", repeatable=True)),
        )

    async def list_preferences(self, user_id: str) -> models.PreferencesAnswer:
        """What a user wants more or less of, the newest first; nothing for somebody unknown."""
        return cast(
            "models.PreferencesAnswer",
            await self.call(
                Call("GET", f"/v1/users/{in_path(user_id)}/preferences", repeatable=True)
            ),
        )

    async def put_preference(
        self, user_id: str, body: models.PreferenceBody
    ) -> models.PreferenceAnswer:
        """Give a user more or less of an item and its like, of a category, or of an attribute's value."""
        return cast(
            "models.PreferenceAnswer",
            await self.call(
                Call("PUT", f"/v1/users/{in_path(user_id)}/preferences", body=body, repeatable=True)
            ),
        )

    async def delete_preferences(self, user_id: str) -> models.DeletedPreferencesAnswer:
        """Take all preferences of a user back. Harmless twice."""
        return cast(
            "models.DeletedPreferencesAnswer",
            await self.call(
                Call("DELETE", f"/v1/users/{in_path(user_id)}/preferences", repeatable=True)
            ),
        )

    async def delete_preference(
        self, user_id: str, preference_id: str
    ) -> models.DeletedPreferencesAnswer:
        """Take a preference back: the next list is as if it had never been. Harmless twice."""
        return cast(
            "models.DeletedPreferencesAnswer",
            await self.call(
                Call(
                    "DELETE",
                    f"/v1/users/{in_path(user_id)}/preferences/{in_path(preference_id)}",
                    repeatable=True,
                )
            ),
        )

    async def create_token(self, body: models.TokenBody) -> models.TokenAnswer:
        """Make a token for one user, known or not, to be given to that user's browser or phone."""
        return cast("models.TokenAnswer", await self.call(Call("POST", "/v1/tokens", body=body)))

    async def revoke_tokens(self, user_id: str) -> None:
        """End all tokens of a user that were made until now. Harmless twice."""
        await self.call(Call("DELETE", f"/v1/users/{in_path(user_id)}/tokens", repeatable=True))

    async def issue_tokens(self, form: models.IssueTokensForm) -> models.SignInAnswer:
        """Sign in with a password, or renew the tokens of a session (OAuth 2.0, RFC 6749)."""
        return cast(
            "models.SignInAnswer", await self.call(Call("POST", "/v1/auth/token", form=form))
        )

    async def register(self, body: models.RegistrationBody) -> models.WhoAnswer:
        """Make an account, where TANDEM_REGISTRATION allows it or by an invitation; then sign in."""
        return cast(
            "models.WhoAnswer", await self.call(Call("POST", "/v1/auth/register", body=body))
        )

    async def find_me(self) -> models.WhoAnswer:
        """Who is signed in, by token or cookie."""
        return cast(
            "models.WhoAnswer", await self.call(Call("GET", "/v1/auth/me", repeatable=True))
        )

    async def sign_out(self) -> None:
        """End the session of whoever asks, with all its tokens."""
        await self.call(Call("POST", "/v1/auth/sign-out"))

    async def change_password(self, body: models.PasswordBody) -> None:
        """Choose another password; all other sessions of the account end."""
        await self.call(Call("POST", "/v1/auth/password", body=body))

    async def reset_password(self, body: models.ResetBody) -> None:
        """Choose a password by a link, which is good once; all sessions of the account end."""
        await self.call(Call("POST", "/v1/auth/reset", body=body))

    async def request_reset(self, body: models.ResetRequestBody) -> Any:
        """Have the app send a link to an end user who has forgotten the password."""
        return cast("Any", await self.call(Call("POST", "/v1/auth/reset-request", body=body)))

    async def find_session(self) -> models.SessionAnswer:
        """Who is signed in by the cookie, and what a page must send to change something."""
        return cast(
            "models.SessionAnswer",
            await self.call(Call("GET", "/v1/auth/session", repeatable=True)),
        )

    async def start_session(self, body: models.SessionBody) -> models.SessionAnswer:
        """Sign a browser in for twelve hours; it needs no signing keys."""
        return cast(
            "models.SessionAnswer", await self.call(Call("POST", "/v1/auth/session", body=body))
        )

    async def end_session(self) -> None:
        """Sign the browser out."""
        await self.call(Call("DELETE", "/v1/auth/session", repeatable=True))

    async def list_accounts(self, *, after: int | None = None) -> models.AccountsAnswer:
        """Accounts, of the team and of end users; for the next thousand ask after the last one."""
        return cast(
            "models.AccountsAnswer",
            await self.call(
                Call("GET", "/v1/admin/accounts", query={"after": after}, repeatable=True)
            ),
        )

    async def invite(self, body: models.InvitationBody) -> models.LinkAnswer:
        """Make a link by which one person registers with a role, within a week."""
        return cast(
            "models.LinkAnswer", await self.call(Call("POST", "/v1/admin/accounts", body=body))
        )

    async def change_account(
        self, account_id: int, body: models.AccountBody
    ) -> models.AccountAnswer:
        """Give an account another role, disable or enable it; its sessions end."""
        return cast(
            "models.AccountAnswer",
            await self.call(
                Call(
                    "PATCH", f"/v1/admin/accounts/{in_path(account_id)}", body=body, repeatable=True
                )
            ),
        )

    async def remove_account(self, account_id: int) -> None:
        """Remove an account, harmless twice. What an end user did stays: DELETE the user for that."""
        await self.call(
            Call("DELETE", f"/v1/admin/accounts/{in_path(account_id)}", repeatable=True)
        )

    async def make_reset_link(self, account_id: int) -> models.LinkAnswer:
        """Make a link by which the owner of an account chooses a password, within a day."""
        return cast(
            "models.LinkAnswer",
            await self.call(Call("POST", f"/v1/admin/accounts/{in_path(account_id)}/reset")),
        )

    async def link_user(self, account_id: int, body: models.LinkedUserBody) -> None:
        """Let an end user's account read and write as a user the app knows already."""
        await self.call(
            Call("PUT", f"/v1/accounts/{in_path(account_id)}/user", body=body, repeatable=True)
        )

    async def list_keys(self) -> models.KeysAnswer:
        """All keys, oldest first: those that are revoked or have expired too."""
        return cast(
            "models.KeysAnswer", await self.call(Call("GET", "/v1/admin/keys", repeatable=True))
        )

    async def create_key(self, body: models.KeyBody) -> models.NewKeyAnswer:
        """Make a key, which works at once. It is shown this once: only its hash is stored."""
        return cast(
            "models.NewKeyAnswer", await self.call(Call("POST", "/v1/admin/keys", body=body))
        )

    async def change_key(self, key_id: int, body: models.KeyChangeBody) -> models.KeyAnswer:
        """Give a key another limit or expiry; nothing else of it can change."""
        return cast(
            "models.KeyAnswer",
            await self.call(
                Call("PATCH", f"/v1/admin/keys/{in_path(key_id)}", body=body, repeatable=True)
            ),
        )

    async def revoke_key(self, key_id: int) -> None:
        """End a key. Harmless twice."""
        await self.call(Call("DELETE", f"/v1/admin/keys/{in_path(key_id)}", repeatable=True))

    async def list_audit(
        self, *, before: int | None = None, limit: int | None = None
    ) -> models.AuditAnswer:
        """Who administered what, newest first. It holds no key, token or password."""
        return cast(
            "models.AuditAnswer",
            await self.call(
                Call(
                    "GET",
                    "/v1/admin/audit",
                    query={"before": before, "limit": limit},
                    repeatable=True,
                )
            ),
        )

    async def create_load(
        self,
        content: bytes,
        *,
        preview: bool | None = None,
        columns: Sequence[str] | None = None,
        kind: str | None = None,
        map_kind: Sequence[str] | None = None,
        scale: str | None = None,
        header: bool | None = None,
        separator: str | None = None,
        encoding: str | None = None,
        time_zone: str | None = None,
        day_first: bool | None = None,
        no_times: bool | None = None,
        create_items: bool | None = None,
        attributes: Sequence[str] | None = None,
        layout: str | None = None,
        user: str | None = None,
        split: str | None = None,
        guests: str | None = None,
        filename: str | None = None,
    ) -> models.LoadAnswer:
        """Load a file of items or events, or an archive of such files: the body is the file itself."""
        return cast(
            "models.LoadAnswer",
            await self.call(
                Call(
                    "POST",
                    "/v1/loads",
                    content=content,
                    query={
                        "preview": preview,
                        "columns": columns,
                        "kind": kind,
                        "map_kind": map_kind,
                        "scale": scale,
                        "header": header,
                        "separator": separator,
                        "encoding": encoding,
                        "time_zone": time_zone,
                        "day_first": day_first,
                        "no_times": no_times,
                        "create_items": create_items,
                        "attributes": attributes,
                        "layout": layout,
                        "user": user,
                        "split": split,
                        "guests": guests,
                        "filename": filename,
                    },
                )
            ),
        )

    async def list_loads(self) -> models.LoadsAnswer:
        """The newest hundred loads over HTTP, newest first."""
        return cast(
            "models.LoadsAnswer", await self.call(Call("GET", "/v1/loads", repeatable=True))
        )

    async def repeat_load(
        self,
        load_id: int,
        *,
        preview: bool | None = None,
        columns: Sequence[str] | None = None,
        kind: str | None = None,
        map_kind: Sequence[str] | None = None,
        scale: str | None = None,
        header: bool | None = None,
        separator: str | None = None,
        encoding: str | None = None,
        time_zone: str | None = None,
        day_first: bool | None = None,
        no_times: bool | None = None,
        create_items: bool | None = None,
        attributes: Sequence[str] | None = None,
        layout: str | None = None,
        user: str | None = None,
        split: str | None = None,
        guests: str | None = None,
    ) -> models.LoadAnswer:
        """Load the same file again with these options, without sending it again."""
        return cast(
            "models.LoadAnswer",
            await self.call(
                Call(
                    "POST",
                    f"/v1/loads/{in_path(load_id)}/options",
                    query={
                        "preview": preview,
                        "columns": columns,
                        "kind": kind,
                        "map_kind": map_kind,
                        "scale": scale,
                        "header": header,
                        "separator": separator,
                        "encoding": encoding,
                        "time_zone": time_zone,
                        "day_first": day_first,
                        "no_times": no_times,
                        "create_items": create_items,
                        "attributes": attributes,
                        "layout": layout,
                        "user": user,
                        "split": split,
                        "guests": guests,
                    },
                )
            ),
        )

    async def find_load(self, load_id: int) -> models.LoadAnswer:
        """The state of a load, and its report, its preview, or its error with what is asked."""
        return cast(
            "models.LoadAnswer",
            await self.call(Call("GET", f"/v1/loads/{in_path(load_id)}", repeatable=True)),
        )

    async def undo_load(self, load_id: int) -> models.LoadAnswer:
        """Take back what a load added; one that is under way is stopped first. Harmless twice."""
        return cast(
            "models.LoadAnswer",
            await self.call(Call("DELETE", f"/v1/loads/{in_path(load_id)}", repeatable=True)),
        )

    async def diagnose(self) -> models.DiagnosisAnswer:
        """What is wrong, since when, and what to do about it."""
        return cast(
            "models.DiagnosisAnswer",
            await self.call(Call("GET", "/v1/admin/diagnose", repeatable=True)),
        )

    async def performance(self) -> models.PerformanceAnswer:
        """How quick each route was in the last 1, 5 and 15 minutes, and how often the cache had it."""
        return cast(
            "models.PerformanceAnswer",
            await self.call(Call("GET", "/v1/admin/performance", repeatable=True)),
        )

    async def refresh_answers(self, body: models.RefreshBody) -> models.RefreshedAnswer:
        """Make a user's lists anew, or with `{}` everybody's: no cached answer counts any more."""
        return cast(
            "models.RefreshedAnswer", await self.call(Call("POST", "/v1/admin/refresh", body=body))
        )

    async def list_runs(
        self, *, before: int | None = None, limit: int | None = None
    ) -> models.ModelRunsAnswer:
        """The model runs, newest first: what each night made, and which is served."""
        return cast(
            "models.ModelRunsAnswer",
            await self.call(
                Call(
                    "GET",
                    "/v1/admin/runs",
                    query={"before": before, "limit": limit},
                    repeatable=True,
                )
            ),
        )

    async def find_model_run(self, run_id: int) -> models.WholeModelRunAnswer:
        """One model run with everything measured, what it was made with and what its steps took."""
        return cast(
            "models.WholeModelRunAnswer",
            await self.call(Call("GET", f"/v1/admin/runs/{in_path(run_id)}", repeatable=True)),
        )

    async def roll_back_run(self) -> models.ServedRunAnswer:
        """Serve the newest retained run that is older than the one being served."""
        return cast(
            "models.ServedRunAnswer", await self.call(Call("POST", "/v1/admin/runs/rollback"))
        )

    async def publish_run(self, run_id: int) -> models.ServedRunAnswer:
        """Serve a retained run, an older or a newer one, as `tandem rollback` does."""
        return cast(
            "models.ServedRunAnswer",
            await self.call(Call("POST", f"/v1/admin/runs/{in_path(run_id)}/publish")),
        )

    async def list_settings(self) -> models.SettingsAnswer:
        """The settings in force in the process that answers, and where each comes from."""
        return cast(
            "models.SettingsAnswer",
            await self.call(Call("GET", "/v1/admin/settings", repeatable=True)),
        )

    async def healthz(self) -> models.Alive:
        """Whether the process lives."""
        return cast("models.Alive", await self.call(Call("GET", "/healthz", repeatable=True)))

    async def health(self) -> models.Alive:
        """The same as /healthz, for balancers that ask here."""
        return cast("models.Alive", await self.call(Call("GET", "/health", repeatable=True)))

    async def readyz(self) -> models.Ready:
        """Whether requests can be served. Redis is reported, but not required."""
        return cast("models.Ready", await self.call(Call("GET", "/readyz", repeatable=True)))

    async def metrics(self) -> str:
        """Figures for Prometheus, of all processes that answer here."""
        return cast("str", await self.call(Call("GET", "/metrics", repeatable=True)))
