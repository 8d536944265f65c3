/** Launches of the SMART app, and what clinicians answered. Applied once; never edited afterwards. */
export const app = {
  number: 3,
  name: 'app',
  sql: `
create table app_launches (
  id uuid primary key,
  browser_hash text not null,
  state_hash text,
  tenant text not null,
  iss text not null,
  phase text not null check (phase in ('pending', 'open', 'ended')),
  sealed text,
  parent uuid references app_launches (id) on delete cascade,
  idle_seconds integer not null check (idle_seconds > 0),
  created timestamptz not null default now(),
  seen_at timestamptz not null default now(),
  expires_at timestamptz not null,
  renewing_until timestamptz,
  check ((phase = 'pending') = (state_hash is not null)),
  check ((phase = 'ended') = (sealed is null))
);
create unique index app_launches_state on app_launches (state_hash) where state_hash is not null;
create index app_launches_expires on app_launches (expires_at);
create index app_launches_parent on app_launches (parent) where parent is not null;

create table answers (
  id uuid primary key,
  tenant text not null,
  key uuid not null,
  assessment_id uuid not null references assessments (id) on delete cascade,
  study_hash text not null,
  kind text not null check (kind in ('agree', 'disagree', 'not-relevant', 'final-diagnosis', 'acknowledge')),
  finding text,
  reason json,
  outcome text check (outcome in ('present', 'absent')),
  comment text,
  by_server text not null,
  by_reference text not null,
  by_name text,
  by_role text,
  at timestamptz not null default now(),
  replaces uuid references answers (id),
  check ((kind = 'disagree') = (reason is not null)),
  check ((kind = 'final-diagnosis') = (outcome is not null))
);
create unique index answers_once on answers (tenant, key);
create index answers_of_assessment on answers (assessment_id, at);
create index answers_at on answers (tenant, at);

create function answers_are_immutable() returns trigger language plpgsql as $$
begin
  raise exception 'an answer is never changed: a new one takes its place';
end
$$;
create trigger answers_immutable before update on answers
  for each row execute function answers_are_immutable();
`,
} as const;
