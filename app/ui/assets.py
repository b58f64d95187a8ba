"""What pages load beside their HTML: the files in `static/`, and a script made of the table of signals."""

import json
from typing import Any

from fastapi.staticfiles import StaticFiles
from starlette.responses import Response

from rlhb_core.schema.signals import KINDS


class Static(StaticFiles):
    """The files in `static/`. The browser asks each time whether one has changed, so that no two versions mix."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """The file, or 304 if the browser has it."""
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-cache"
        return response


def passive_kinds() -> list[str]:
    """The kinds that are not recorded while somebody has paused."""
    return sorted(kind for kind, facts in KINDS.items() if not facts.explicit)


async def kinds() -> Response:
    """The script that tells a page which kinds of signals are noticed in passing."""
    script = f"export const PASSIVE = new Set({json.dumps(passive_kinds())});\n"
    return Response(script, media_type="text/javascript", headers={"Cache-Control": "no-cache"})
