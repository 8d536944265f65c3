/** JSON as text that can be scrolled and read by keyboard, its names and texts tinted. */
export function Json({ content, label }: { readonly content: unknown; readonly label: string }) {
  const text = typeof content === 'string' ? content : JSON.stringify(content, null, 2);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region has to be reachable by keyboard
    <section className="json" tabIndex={0} aria-label={label}>
      <pre>{tinted(text)}</pre>
    </section>
  );
}

const token = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(?:true|false|null|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\b/g;

function tinted(text: string): React.ReactNode[] {
  const parts: React.ReactNode[] = [];
  let at = 0;
  for (const match of text.matchAll(token)) {
    parts.push(text.slice(at, match.index));
    const kind = match[1] === undefined ? 'json-value' : match[2] === undefined ? 'json-text' : 'json-name';
    parts.push(
      <span key={match.index} className={kind}>
        {match[0]}
      </span>,
    );
    at = match.index + match[0].length;
  }
  parts.push(text.slice(at));
  return parts;
}
