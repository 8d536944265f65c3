import type { Provider } from './backend.ts';
import { onnxRuntimeProvider } from './backends/onnxruntime.ts';

/** Every execution provider, in the order in which they are tried by default: a GPU first where there is one. */
export const providers: readonly Provider[] = [
  onnxRuntimeProvider('cuda', 'NVIDIA GPU (ONNX Runtime, CUDA)'),
  onnxRuntimeProvider('webgpu', 'GPU (ONNX Runtime, WebGPU)'),
  onnxRuntimeProvider('cpu', 'CPU (ONNX Runtime)'),
];
