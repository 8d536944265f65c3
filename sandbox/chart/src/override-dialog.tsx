import { useEffect, useId, useRef, useState } from 'react';
import type { Coding } from './api.ts';

/** Why a card is set aside: one of the service's codings, and a comment. Escape closes it, focus goes back. */
export function OverrideDialog(props: {
  readonly summary: string;
  readonly reasons: readonly Coding[];
  readonly onOverride: (reason: Coding | null, comment: string) => void;
  readonly onCancel: () => void;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [code, setCode] = useState<string | null>(null);
  const [comment, setComment] = useState('');
  const id = useId();

  useEffect(() => {
    const opener = document.activeElement;
    dialog.current?.showModal();
    return () => {
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
    };
  }, []);

  return (
    <dialog ref={dialog} className="override" aria-labelledby={`${id}-title`} onClose={props.onCancel}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          props.onOverride(props.reasons.find((reason) => reason.code === code) ?? null, comment.trim());
        }}
      >
        <h2 id={`${id}-title`}>Why do you set this card aside?</h2>
        <p className="soft">{props.summary}</p>
        <fieldset>
          <legend className="visually-hidden">Reason</legend>
          {props.reasons.map((reason) => (
            <label key={reason.code} className="choice">
              <input
                type="radio"
                name={`${id}-reason`}
                value={reason.code}
                required
                checked={code === reason.code}
                onChange={() => setCode(reason.code)}
              />
              <span>{reason.display ?? reason.code}</span>
            </label>
          ))}
        </fieldset>
        <label className="comment">
          <span>
            Comment <span className="soft">(optional; no names)</span>
          </span>
          <textarea
            rows={3}
            maxLength={500}
            value={comment}
            onChange={(event) => setComment(event.target.value)}
          />
        </label>
        <div className="dialog-buttons">
          <button type="button" className="quiet" onClick={() => dialog.current?.close()}>
            Cancel
          </button>
          <button type="submit" className="primary">
            Set aside and send
          </button>
        </div>
      </form>
    </dialog>
  );
}
