import { existsSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { fence, parseWords } from "../../../domain/fence";
import { port } from "../../../domain/patroni";
import type { Fence, Purpose } from "./fence";
import { messageOf } from "../log";

const isPurpose = (text: string): text is Purpose => text === "promotion" || text === "start";

/** `/dr/writable`, for checkers outside of the region: 200 or 503, and why. It tells nothing else. */
export const serveWritable = (kept: Fence): Server =>
  createServer((request, response) => {
    if (request.url !== "/dr/writable" || !["GET", "HEAD"].includes(request.method ?? "")) {
      response.writeHead(404).end();
      return;
    }
    kept.writable().then(
      (answer) => {
        response.writeHead(answer.writable ? 200 : 503, {
          "content-type": "application/json",
          "cache-control": "no-store",
        });
        response.end(`${JSON.stringify(answer)}\n`);
      },
      (error: unknown) => {
        response.writeHead(503).end(`${JSON.stringify({ writable: false, why: messageOf(error) })}\n`);
      },
    );
  }).listen(port.writable);

/**
 * The socket by which the member's other containers ask. `/status` answers a `FenceStatus`. `/take/PURPOSE/WORDS` answers a line
 * `{"waiting": why}` for each reason, and at the end an `Answer`; who hangs up doesn't want the lease any more.
 */
export const serveControl = (kept: Fence): Server => {
  // Left by a predecessor that was killed; two fences never share a pod's socket.
  if (existsSync(fence.controlSocket)) rmSync(fence.controlSocket);
  return createServer((request, response) => {
    const line = (content: unknown) => response.write(`${JSON.stringify(content)}\n`);
    const [, action, purpose = "", words = ""] = decodeURIComponent(request.url ?? "").split("/");
    const hangUp = new AbortController();
    response.on("close", () => {
      hangUp.abort();
    });
    const work = async () => {
      if (action === "status") line(await kept.status());
      else if (action === "take" && isPurpose(purpose)) {
        line(await kept.take(purpose, parseWords(words), (waiting) => line({ waiting }), hangUp.signal));
      } else response.writeHead(404);
    };
    work().then(
      () => response.end(),
      (error: unknown) => {
        // The asker takes an answer that breaks off as a no.
        response.destroy(error instanceof Error ? error : new Error(messageOf(error)));
      },
    );
  }).listen(fence.controlSocket);
};
