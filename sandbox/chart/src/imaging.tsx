import { useRef, useState } from 'react';
import type { StudyFacts } from './api.ts';
import { Notice } from './notice.tsx';
import { plainDate, plainTime } from './words.ts';

/** The imaging studies of the chart, newest first, each with its picture. */
export function Imaging({ studies }: { readonly studies: readonly StudyFacts[] }) {
  const sorted = [...studies].sort((a, b) => b.started.localeCompare(a.started));
  return (
    <section className="imaging" aria-labelledby="imaging-title">
      <h2 id="imaging-title">Imaging</h2>
      {sorted.length === 0 && (
        <Notice kind="plain" title="No imaging" text="There are no imaging studies in this record." />
      )}
      {sorted.map((study, index) => (
        <Study key={study.studyInstanceUid} study={study} newest={index === 0} />
      ))}
    </section>
  );
}

function Study({ study, newest }: { readonly study: StudyFacts; readonly newest: boolean }) {
  const time = plainTime(study.started);
  const title = `${study.description}, ${plainDate(study.started)}`;
  return (
    <article className={`study ${newest ? 'newest' : 'older'}`} aria-label={title}>
      <div className="pictures">
        {study.images.map((image) => (
          <Picture key={image.sopInstanceUid} address={image.preview} title={title} />
        ))}
      </div>
      <div className="study-facts">
        <h3>{study.description}</h3>
        <dl>
          <Fact term="Date" value={`${plainDate(study.started)}${time === null ? '' : `, ${time}`}`} />
          <Fact term="Modality" value={study.modality} />
          <Fact term="Body part" value={study.bodySite ?? 'not stated'} />
          <Fact term="Projection" value={study.view ?? 'not stated'} />
          <Fact term="Accession" value={study.accession} />
          <Fact term="Archive" value={study.archive} code />
        </dl>
        {study.report === null ? (
          <p className="soft">Not yet reported.</p>
        ) : (
          <div className="report">
            <h4>Report</h4>
            <p>{study.report.conclusion}</p>
            <p className="soft">
              {study.report.performer}, radiologist, {plainDate(study.report.issued)}
            </p>
          </div>
        )}
      </div>
    </article>
  );
}

function Fact({
  term,
  value,
  code,
}: {
  readonly term: string;
  readonly value: string;
  readonly code?: boolean;
}) {
  return (
    <div className={code ? 'wide' : undefined}>
      <dt>{term}</dt>
      <dd>{code ? <code>{breakable(value)}</code> : value}</dd>
    </div>
  );
}

/** An address that may break after its slashes only. */
function breakable(address: string): React.ReactNode[] {
  return address
    .split(/(?<=\/)(?!\/)/)
    .flatMap((part, index) => (index === 0 ? [part] : [<wbr key={part} />, part]));
}

function Picture({ address, title }: { readonly address: string; readonly title: string }) {
  const [missing, setMissing] = useState(false);
  const dialog = useRef<HTMLDialogElement>(null);
  if (missing) return <p className="no-picture">No picture can be shown of this file.</p>;
  return (
    <>
      <button type="button" className="picture" onClick={() => dialog.current?.showModal()}>
        <img src={address} alt={`Generated radiograph: ${title}`} onError={() => setMissing(true)} />
        <span className="picture-hint" aria-hidden="true">
          Enlarge
        </span>
      </button>
      <dialog ref={dialog} className="light-box" aria-label={title}>
        <form method="dialog">
          <button type="submit">Close</button>
        </form>
        <img src={address} alt={`Generated radiograph, enlarged: ${title}`} />
      </dialog>
    </>
  );
}
