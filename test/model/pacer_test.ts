import assert from "node:assert/strict";
import { Pacer } from "../../sdk/model/pacer.ts";

Deno.test("Pacer: a rest leaves no port open, which the runtime would keep", async () => {
  const Original = globalThis.MessageChannel;
  const { close } = MessagePort.prototype;
  const open = new Set<MessagePort>();
  globalThis.MessageChannel = class extends Original {
    constructor() {
      super();
      for (const port of [this.port1, this.port2]) open.add(port);
    }
  };
  MessagePort.prototype.close = function () {
    open.delete(this);
    close.call(this);
  };
  try {
    const pacer = new Pacer();
    const made = open.size;
    const resting = pacer.rest();
    assert.equal(open.size - made, 2, "a message was handed over");
    await resting;
    assert.equal(open.size, 0);
  } finally {
    globalThis.MessageChannel = Original;
    MessagePort.prototype.close = close;
  }
});
