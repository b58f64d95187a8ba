"""The real server with one route more, `POST /api/empty`, which reads the body and says 200: what any request costs."""

from fastapi import FastAPI, Request

import app.main
from app.server import run
from app.settings import Settings

EMPTY = "/api/empty"


async def empty(request: Request) -> dict[str, int]:
    """Nothing but the round trip, behind all that stands before every route."""
    return {"received": len(await request.body())}


def main() -> None:
    """Serve."""
    make = app.main.create_app

    def create_app(settings: Settings | None = None) -> FastAPI:
        made = make(settings)
        made.add_api_route(EMPTY, empty, methods=["POST"])
        made.router.routes.insert(0, made.router.routes.pop())  # the pages take every other path
        return made

    app.main.create_app = create_app
    run(Settings())


if __name__ == "__main__":
    main()
