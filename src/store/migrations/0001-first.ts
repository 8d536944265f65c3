/** Assessments, jobs, cards, feedback, seen tokens. Applied once; never edited afterwards: a change is a new migration. */
export const first = {
  number: 1,
  name: 'first',
  sql: `
create table assessments (
  id uuid primary key,
  tenant text not null,
  study_hash text not null,
  content_digest text not null,
  model_name text not null,
  model_version text not null,
  status text not null check (status in ('final', 'abstained', 'failed')),
  reason_code text,
  reason_text text,
  assessment json not null,
  created timestamptz not null default now(),
  check ((status = 'final') = (reason_code is null))
);
create unique index assessments_once
  on assessments (study_hash, model_name, model_version, content_digest);

create function assessments_are_immutable() returns trigger language plpgsql as $$
begin
  raise exception 'an assessment is never changed';
end
$$;
create trigger assessments_immutable before update on assessments
  for each row execute function assessments_are_immutable();

create table assessment_private (
  assessment_id uuid primary key references assessments (id) on delete cascade,
  study_uid text not null,
  result json
);

create table jobs (
  id uuid primary key,
  tenant text not null,
  study_hash text not null,
  study_uid text not null,
  content_digest text not null,
  model_name text not null,
  model_version text not null,
  payload json not null,
  credential text not null check (credential in ('none', 'tenant', 'hook')),
  credential_owner uuid,
  state text not null
    check (state in ('queued', 'running', 'waiting', 'needs-credential', 'done', 'dead')),
  priority integer not null default 0,
  attempts integer not null default 0,
  max_attempts integer not null,
  run_after timestamptz not null default now(),
  lease_id uuid,
  lease_owner uuid,
  lease_until timestamptz,
  reason_code text,
  reason_text text,
  accepted_at timestamptz not null default now(),
  started_at timestamptz,
  settled_at timestamptz,
  check ((credential = 'hook') = (credential_owner is not null)),
  check ((state = 'running') = (lease_id is not null))
);
create unique index jobs_once on jobs (study_hash, model_name, model_version, content_digest);
create index jobs_ready on jobs (priority desc, run_after) where state in ('queued', 'waiting');
create index jobs_leased on jobs (lease_until) where state = 'running';
create index jobs_open on jobs (state) where state <> 'done';
create index jobs_recent on jobs (model_name, model_version, settled_at) where state = 'done';

create table processes (
  id uuid primary key,
  started timestamptz not null default now(),
  seen_until timestamptz not null
);

create table cards_issued (
  id uuid primary key,
  tenant text not null,
  service text not null,
  user_key text not null,
  study_key text not null,
  model_name text not null,
  model_version text not null,
  finding text,
  hook_instance text not null,
  created timestamptz not null default now(),
  overridden_at timestamptz
);
create index cards_overridden on cards_issued (user_key, study_key) where overridden_at is not null;

create table feedback (
  card_id uuid not null references cards_issued (id) on delete cascade,
  outcome_at timestamptz not null,
  outcome text not null check (outcome in ('accepted', 'overridden')),
  reason json,
  comment text,
  accepted_suggestions json not null,
  created timestamptz not null default now(),
  primary key (card_id, outcome_at, outcome)
);

create table seen_jti (
  token_hash text primary key,
  expires timestamptz not null
);
create index seen_jti_expires on seen_jti (expires);
`,
} as const;
