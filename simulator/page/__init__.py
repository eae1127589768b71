"""The demo in a browser: one page, and the server that brings it what the system does and the system what hands do.

Over the WebSocket at `/system` the server sends JSON objects, told apart by their `kind`:

- `state`: the devices, the cards and what Redis holds, whole, whenever any of it has changed (`server.Page.state`);
- `lines`: further lines of the monitor, with its colours as ECMA-48 SGR sequences;
- `error`: why something that a hand wanted was not possible.

The page sends lines of the demo's conversation, such as `lay gate 1`.
"""
