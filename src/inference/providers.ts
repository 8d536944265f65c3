import { ServiceError } from '#core/error';
import type { Provider } from './backend.ts';
import { onnxRuntimeProvider } from './backends/onnxruntime.ts';

/** Every execution provider, in the order in which they are tried by default: a GPU first where there is one. */
export const providers: readonly Provider[] = [
  onnxRuntimeProvider('cuda', 'NVIDIA GPU (ONNX Runtime, CUDA)'),
  onnxRuntimeProvider('webgpu', 'GPU (ONNX Runtime, WebGPU)'),
  onnxRuntimeProvider('cpu', 'CPU (ONNX Runtime)'),
];

/**
 * The names to try, in order; null: all.
 * @throws ServiceError CONFIG_INVALID for a name that is not in the table
 */
export function chosenProviders(wanted: readonly string[] | null): readonly string[] {
  const names = providers.map(({ name }) => name);
  const unknown = wanted?.find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw new ServiceError('CONFIG_INVALID', {
      detail: `FOVEA_CONFIG /providers: ${unknown} is none of ${names.join(', ')}.`,
    });
  return wanted ?? names;
}
