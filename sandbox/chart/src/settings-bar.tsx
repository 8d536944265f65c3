/** How the chart is opened. */
export interface Settings {
  /** Who looks: a member of the staff, or the patient at the own record in a portal. */
  readonly user: 'clinician' | 'nurse' | 'portal';
  /** The EHR sends what the service asks for along with the call. */
  readonly prefetch: boolean;
}

/** The user as CDS Hooks and SMART name them. */
export function userOf({ user }: Settings, patientId: string): string {
  if (user === 'portal') return `Patient/${patientId}`;
  return user === 'nurse' ? 'Practitioner/nurse' : 'Practitioner/demo';
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
          value={settings.user}
          onChange={(event) => onChange({ ...settings, user: event.target.value as Settings['user'] })}
        >
          <option value="clinician">Dr Ruth Hartmann, clinician</option>
          <option value="nurse">Jonas Weber, care team nurse</option>
          <option value="portal">The patient, in the portal</option>
        </select>
      </label>
    </form>
  );
}
