"""Debian's python3-websockets: "client URL", "server"; then "deflate" or "plain"."""

import asyncio
import sys

import websockets

SIZES = [0, 1, 2, 124, 125, 126, 127, 128, 1000, 65534, 65535, 65536, 65537]


async def client(url, compression):
    async with websockets.connect(url, compression=compression, max_size=None) as ws:
        agreed = [e.name for e in ws.extensions]
        assert agreed == (["permessage-deflate"] if compression else []), agreed
        for size in SIZES:
            squares = "".join(f'{{"n":{i * i % 9973}' for i in range(size))[:size]
            for message in squares, ("abcdefghij" * (size // 10 + 1))[:size], bytes((i * 7 + size) & 0xFF for i in range(size)):
                await ws.send(message)
                assert await ws.recv() == message, size
        await ws.close(1000, "done")
        assert ws.close_code == 1000, ws.close_code


async def server(compression):
    async def echo(ws):
        async for message in ws:
            await ws.send(message)

    async with websockets.serve(echo, "127.0.0.1", 0, compression=compression, max_size=None) as s:
        print(s.sockets[0].getsockname()[1], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


compression = "deflate" if sys.argv[-1] == "deflate" else None
asyncio.run(server(compression) if sys.argv[1] == "server" else client(sys.argv[2], compression))
