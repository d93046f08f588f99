"""What pages require of who asks: that it is a person of the team, and may do what they do.

No key opens them: they are for people.
"""

from fastapi import Depends

from serving.access.callers import Required
from serving.access.requirements import RequiredOpenness, RequiredScope

may_look = Depends(RequiredScope(Required(None, "read", "viewer")))
may_look_after_runs = Depends(RequiredScope(Required(None, "admin", "viewer")))
may_act_for_users = Depends(RequiredScope(Required(None, "write", "operator")))
may_change_runs = Depends(RequiredScope(Required(None, "admin", "operator")))
may_see_access = Depends(RequiredScope(Required(None, "admin", "admin")))
may_load_catalogue = may_change_runs
"""Loads are an operator's from the first look, as over `/v1`."""
may_load_files = Depends(RequiredOpenness(lambda _: "open"))
"""Nothing in them is of this installation."""
