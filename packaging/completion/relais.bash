# Completion for bash.  The directory of `candidates` is RELAIS_COMPLETION, or the package's.

# What readline replaces begins behind the last of : and = in the word, so that this much is cut off the front of what is offered.
_relais() {
    local line=${COMP_LINE:0:COMP_POINT} words current candidate front
    read -ra words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=('')
    current=${words[-1]}
    front=${current%"${current##*[:=]}"}
    COMPREPLY=()
    while IFS= read -r candidate; do
        case $candidate in
        %files) compopt -o filenames; mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "${current#"$front"}") ;;
        %directories) compopt -o filenames; mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -d -- "$current") ;;
        "$current"*)
            [[ $candidate == *[:=] ]] && compopt -o nospace
            COMPREPLY+=("${candidate#"$front"}") ;;
        esac
    done < <(sh "${RELAIS_COMPLETION:-/usr/share/relais/completion}/candidates" "${words[@]}" 2>/dev/null)
}

complete -F _relais doveadm doveconf mailq newaliases postalias postcat postconf postdrop postfix postfix-add-filter \
    postfix-add-policy postfix-collate postkick postlock postlog postmap postmulti postqueue postsuper posttls-finger qmqp-sink \
    qmqp-source qshape relais rmail sendmail smtp-sink smtp-source
