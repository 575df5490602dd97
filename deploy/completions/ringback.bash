# Written by ringback completion, from the table of options.
_ringback() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} words= IFS=$' \t\n'
  # bash takes --option=value for three words.
  [[ $before == = ]] && before=${COMP_WORDS[COMP_CWORD - 2]}
  [[ $word == = ]] && word=
  if ((COMP_CWORD == 1)); then
    words='run migrate status doctor attempts try replay ui health cancel hold release purge sql completion keygen help --help --version'
  else
    case $before in
      --database-url | --schema | --name | --concurrency | --slow-concurrency | --origin-concurrency | --deadline | --connect-timeout | --max-attempts | --retry-base | --retry-cap | --retry-after-cap | --breaker-failures | --breaker-pause | --excerpt | --keep-delivered | --keep-dead | --allow | --deny | --lease | --lease-margin | --poll | --linger | --memory-rows | --grace | --listen | --form | --id | --url | --since | --allow-host | --key | --reason | --delivered-before | --dead-before) words='' ;;
      --database-url-file | --config | --password-file) words=FILE ;;
      --log-level) words='trace debug info warn error fatal' ;;
      --log-format) words='auto json pretty' ;;
      --trace) words='parent link' ;;
      --wake) words='keep notify poll' ;;
      *)
        case ${COMP_WORDS[1]} in
          help) words='run migrate status doctor attempts try replay ui health cancel hold release purge sql completion keygen' ;;
          run) words='--database-url --database-url-file --schema --name --concurrency --slow-concurrency --origin-concurrency --config --force-settings --deadline --connect-timeout --max-attempts --retry-base --retry-cap --retry-after-cap --breaker-failures --breaker-pause --excerpt --keep-delivered --keep-dead --allow --deny --lease --lease-margin --poll --linger --memory-rows --no-prepared --grace --drain --listen --log-level --log-format --trace --help' ;;
          migrate) words='--database-url --database-url-file --schema --wake --print --dry-run --log-level --help' ;;
          status) words='--database-url --database-url-file --schema --json --log-level --help' ;;
          doctor) words='--database-url --database-url-file --schema --json --log-level --help' ;;
          attempts) words='--database-url --database-url-file --schema --json --log-level --help' ;;
          try) words='--form --concurrency --origin-concurrency --config --deadline --connect-timeout --max-attempts --retry-base --retry-cap --retry-after-cap --breaker-failures --breaker-pause --excerpt --allow --deny --lease --lease-margin --log-level --help' ;;
          replay) words='--database-url --database-url-file --schema --id --dead --all --now --url --since --dry-run --json --log-level --help' ;;
          ui) words='--database-url --database-url-file --schema --listen --allow-host --password-file --log-level --help' ;;
          health) words='--listen --live --log-level --help' ;;
          cancel) words='--database-url --database-url-file --schema --id --url --key --dry-run --log-level --help' ;;
          hold) words='--database-url --database-url-file --schema --reason --exact --dry-run --log-level --help' ;;
          release) words='--database-url --database-url-file --schema --dry-run --log-level --help' ;;
          purge) words='--database-url --database-url-file --schema --keep-delivered --keep-dead --id --delivered-before --dead-before --dry-run --log-level --help' ;;
          sql) words='airflow amend_url attempts_of_a_callback cancel dedupe dolphinscheduler first_callback hold hold_all inbox on_dead powerjob purge_history release replay_dead replay_one retry_now roles stuck_keys supersede thain what_is_waiting why_is_it_dead --schema --json --log-level --help' ;;
          completion) words='bash zsh fish --log-level --help' ;;
          keygen) [[ $word == -* ]] && words='--ed25519 --log-level --help' || words=FILE ;;
        esac
        ;;
    esac
  fi
  if [[ $words == FILE ]]; then
    compopt -o filenames 2> /dev/null
    IFS=$'\n'
    COMPREPLY=($(compgen -f -- "$word"))
  else
    COMPREPLY=($(compgen -W "$words" -- "$word"))
  fi
}
complete -F _ringback ringback
