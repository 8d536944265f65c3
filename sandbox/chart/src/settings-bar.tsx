/** How the chart is opened. */
export interface Settings {
  /** The patient looks at the own record in a portal, instead of a clinician. */
  readonly portal: boolean;
  /** The EHR sends what the service asks for along with the call. */
  readonly prefetch: boolean;
}

export function SettingsBar(props: {
  readonly settings: Settings;
  readonly onChange: (settings: Settings) => void;
}) {
  const { settings, onChange } = props;
  return (
    <form
      className="settings"
      aria-label="How charts are opened"
      onSubmit={(event) => event.preventDefault()}
    >
      <label className="switch">
        <input
          type="checkbox"
          role="switch"
          checked={settings.prefetch}
          aria-checked={settings.prefetch}
          onChange={(event) => onChange({ ...settings, prefetch: event.target.checked })}
        />
        <span>
          Send data along <span className="soft">(prefetch)</span>
        </span>
      </label>
      <label className="field">
        <span>User</span>
        <select
          value={settings.portal ? 'portal' : 'clinician'}
          onChange={(event) => onChange({ ...settings, portal: event.target.value === 'portal' })}
        >
          <option value="clinician">Dr Ruth Hartmann, clinician</option>
          <option value="portal">The patient, in the portal</option>
        </select>
      </label>
    </form>
  );
}
