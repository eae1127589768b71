"""The demo in a browser: one page, and the server that shows it the system and takes its commands.

Over the WebSocket at `/system` the server sends JSON objects, each with its `kind`:

- `state`: the devices, the cards and what Redis holds, whenever any of it has changed (`state.state_of`);
- `lines`: further lines of the monitor, with its colours as ECMA-48 SGR sequences;
- `error`: why a command could not be run;
- `answer`: what the office has done.

The page sends commands of the demo, such as `lay gate 1` (`requests.COMMANDS`), and `race` (`race.Race`).
"""
