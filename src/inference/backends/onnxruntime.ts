import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { InferenceSession } from 'onnxruntime-node';
import type { Provider, Session } from '../backend.ts';

export type OnnxRuntimeProvider = 'cuda' | 'webgpu' | 'cpu';

/**
 * ONNX Runtime's native binding with one of its execution providers. The library is loaded at first use.
 * One thread and no spinning: as many workers as cores run side by side (spinning doubles the time on a busy machine).
 */
export function onnxRuntimeProvider(name: OnnxRuntimeProvider, title: string): Provider {
  return {
    name,
    title,
    missing: async () => {
      const runtime = await importRuntime();
      if (typeof runtime === 'string') return runtime;
      return reasons[name]();
    },
    open: async (network) => {
      const ort = await import('onnxruntime-node');
      const session = await ort.InferenceSession.create(network, {
        executionProviders: [name],
        intraOpNumThreads: 1,
        interOpNumThreads: 1,
        executionMode: 'sequential',
        graphOptimizationLevel: 'all',
        logSeverityLevel: 4,
        extra: { session: { intra_op: { allow_spinning: '0' }, inter_op: { allow_spinning: '0' } } },
      });
      return toSession(session, ort.Tensor);
    },
  };
}

function toSession(session: InferenceSession, Tensor: typeof import('onnxruntime-node').Tensor): Session {
  return {
    run: async (input, data, shape, outputs) => {
      const results = await session.run({ [input]: new Tensor('float32', data, [...shape]) }, [...outputs]);
      return new Map(outputs.map((name) => [name, results[name]?.data as Float32Array]));
    },
    close: () => session.release(),
  };
}

async function importRuntime(): Promise<string | null> {
  try {
    await import('onnxruntime-node');
    return null;
  } catch (error) {
    return `onnxruntime-node cannot be loaded (${error instanceof Error ? error.message : String(error)})`;
  }
}

/** What can be seen before a session is tried: asking the runtime would make it write to standard error. */
const reasons: Readonly<Record<OnnxRuntimeProvider, () => string | null>> = {
  cpu: () => null,
  cuda: () => {
    const library = path.join(binaries(), 'libonnxruntime_providers_cuda.so');
    return existsSync(library) ? null : 'the CUDA library of onnxruntime is not installed';
  },
  webgpu: () =>
    process.platform !== 'linux' || canLoad('libvulkan.so.1') ? null : 'the Vulkan loader is not installed',
};

function binaries(): string {
  const main = createRequire(import.meta.url).resolve('onnxruntime-node');
  return path.join(path.dirname(main), '..', 'bin', 'napi-v6', process.platform, process.arch);
}

/** Whether the system's loader finds a shared library: it is not a Node add-on, and only that may be the complaint. */
function canLoad(library: string): boolean {
  try {
    process.dlopen({ exports: {} }, library);
    return true;
  } catch (error) {
    return !(error instanceof Error && error.message.includes('cannot open shared object file'));
  }
}
