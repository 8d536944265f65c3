import { type Readable, Transform } from 'node:stream';
import { ServiceError } from '#core/error';

/**
 * The body of a request, refused as BODY_TOO_LARGE when it comes in more than `most` pieces: each costs some hundred
 * bytes of memory and some microseconds, however few bytes it brings.
 */
export function inBoundedPieces(payload: Readable, most: number): Readable {
  let pieces = 0;
  const bounded = new Transform({
    transform(piece, _encoding, done) {
      pieces += 1;
      if (pieces <= most) done(null, piece);
      else done(new ServiceError('BODY_TOO_LARGE', { detail: `It comes in more than ${most} pieces.` }));
    },
  });
  payload.once('error', (error) => bounded.destroy(error));
  return payload.pipe(bounded);
}
