/** A calm message in place of content, with one thing to do about it. */
export function Notice(props: {
  readonly title: string;
  readonly text: string;
  readonly kind?: 'plain' | 'problem';
  readonly action?: string;
  readonly onAction?: () => void;
}) {
  return (
    <div className={`notice ${props.kind ?? 'problem'}`}>
      <h3>{props.title}</h3>
      <p>{props.text}</p>
      {props.action !== undefined && (
        <button type="button" onClick={props.onAction}>
          {props.action}
        </button>
      )}
    </div>
  );
}
