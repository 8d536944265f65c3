import { answer, type Fault } from './fault-server.ts';

const boundary = 'fovea-test';

/** Headers of a WADO-RS answer with DICOM files. */
export const wadoHeaders = {
  'content-type': `multipart/related; type="application/dicom"; boundary=${boundary}`,
};

/** Body of a WADO-RS answer with these files. */
export function wadoBody(files: readonly Uint8Array[]): Buffer {
  return Buffer.concat([
    ...files.flatMap((file) => [
      Buffer.from(`--${boundary}\r\ncontent-type: application/dicom\r\n\r\n`),
      file,
      Buffer.from('\r\n'),
    ]),
    Buffer.from(`--${boundary}--\r\n`),
  ]);
}

/** Answers with these files. */
export const wadoFiles = (...files: readonly Uint8Array[]): Fault =>
  answer(200, wadoHeaders, wadoBody(files));

/** Answers so to a call with this token, and 401 to every other. */
export const withToken =
  (token: string, fault: Fault): Fault =>
  (request, response) => {
    const allowed = request.headers.authorization === `Bearer ${token}`;
    (allowed ? fault : answer(401))(request, response);
  };
