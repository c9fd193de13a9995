/** Answers CONNECT as any other method. Node leaves such a connection to whoever listens, and else closes it in silence. */
import { type Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** Hands each CONNECT to the listeners of requests, and closes its connection after the answer. */
export function answerConnectRequests(server: Server): void {
  server.on("connect", (request, stream) => {
    const socket = stream as Socket & { readonly _httpMessage?: ServerResponse };
    // Node listens no more, and an error without a listener would end the process.
    socket.on("error", () => socket.destroy());
    // What follows is for a tunnel that there is not. Unread it would reset the connection, and lose the answer.
    socket.resume();
    const answer = () => {
      const { _httpMessage: current } = socket;
      if (current) return void current.once("close", answer);
      const response = new ServerResponse(request);
      response.shouldKeepAlive = false;
      response.assignSocket(socket);
      response.once("finish", () => socket.destroySoon());
      server.emit("request", request, response);
    };
    answer();
  });
}
