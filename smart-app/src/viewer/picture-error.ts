import { ApiError } from '../api-error.ts';

/** Why an image is not drawn. `api`: the server said so, its words are in `cause`. */
export type PictureFault = 'api' | 'timeout' | 'decode' | 'syntax' | 'palette' | 'pixels';

/** An image that cannot be shown. */
export class PictureError extends Error {
  override readonly name = 'PictureError';
  readonly fault: PictureFault;

  constructor(fault: PictureFault, cause?: unknown) {
    super(fault, { cause });
    this.fault = fault;
  }
}

/** Whatever was thrown while an image was fetched and decoded, as a {@link PictureError}. */
export function pictureError(thrown: unknown): PictureError {
  if (thrown instanceof PictureError) return thrown;
  return new PictureError(thrown instanceof ApiError ? 'api' : 'decode', thrown);
}
