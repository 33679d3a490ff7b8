"""Carries connections from a socket of the machine outside to an address inside the office.

    relay.py FD HOST PORT

A listening socket belongs to the network it was made in, wherever its owner goes: the demo makes one outside, hands
it in, and a browser on the desk opens the puck's admin page without a route to it.
"""

import asyncio
import socket
import sys

CHUNK = 65536


async def pour(reader, writer):
    try:
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.close()


async def main(fd, host, port):
    async def carry(reader, writer):
        try:
            there_reader, there_writer = await asyncio.open_connection(host, port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pour(reader, there_writer), pour(there_reader, writer))
        writer.close()
        there_writer.close()

    server = await asyncio.start_server(carry, sock=socket.socket(fileno=fd))
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
