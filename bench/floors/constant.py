"""Floor: a Starlette app that reads and decodes the same body and answers a constant. Nothing is kept."""

from __future__ import annotations

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.floors.bodies import RUN_ANSWER, StartBody
from bench.floors.listening import serve

_decoder = msgspec.json.Decoder(StartBody)


async def start(request: Request) -> Response:
    """Decode the body and answer what every start is answered."""
    _decoder.decode(await request.body())
    return Response(RUN_ANSWER, 202, media_type="application/json")


if __name__ == "__main__":
    serve(Starlette(routes=[Route("/v1/runs/start", start, methods=["POST"])]))
