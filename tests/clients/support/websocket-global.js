// Gives older versions of Node.js the WebSocket that newer ones have.

import WebSocket from 'ws';

globalThis.WebSocket ??= WebSocket;
