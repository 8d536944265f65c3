/** The networks of one loaded model on one execution provider. */
export interface Session {
  /**
   * One forward pass. Blocks the calling thread while it computes: call it in a worker.
   * @param data float32, of the shape `shape`
   * @returns float32 values of each output, by name
   * @throws the runtime's own error; callers give it a code
   */
  readonly run: (
    input: string,
    data: Float32Array,
    shape: readonly number[],
    outputs: readonly string[],
  ) => Promise<ReadonlyMap<string, Float32Array>>;
  readonly close: () => Promise<void>;
}

/** One way to execute a network. To add one: a file in `backends/` and a line in `providers.ts`. */
export interface Provider {
  /** As in the configuration and in `model.provider` of an assessment. */
  readonly name: string;
  readonly title: string;
  /** Why this machine cannot run it, in words; null when nothing speaks against trying. Cheap, loads no model. */
  readonly missing: () => Promise<string | null>;
  /**
   * @param network ONNX ModelProto
   * @throws the runtime's own error when the provider does not take the network
   */
  readonly open: (network: Uint8Array) => Promise<Session>;
}
