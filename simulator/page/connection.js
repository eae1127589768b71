/* The WebSocket to the demo, which reconnects by itself (messages: see __init__.py). */

const RECONNECT_MS = 1000;
let socket;

/**
 * Connect, and connect again whenever the connection ends.
 *
 * @param handlers called with each message, by its kind, and as `opened` and `closed`.
 */
export function connect(handlers) {
  socket = new WebSocket(`ws://${location.host}/system`);
  socket.onopen = handlers.opened;
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    handlers[message.kind](message);
  };
  socket.onclose = () => {
    handlers.closed();
    setTimeout(() => connect(handlers), RECONNECT_MS);
  };
}

/** Send a command of the demo, such as `lay gate 1`. */
export function send(command) {
  if (socket.readyState === WebSocket.OPEN) socket.send(command);
}
