#include "tools/postmulti/options.h"

#include <algorithm>
#include <cctype>
#include <string_view>

#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/strings.h"

#include "tools/postmulti/instance.h"

namespace relais::postmulti {

namespace {

struct ActionName {
    std::string_view name;
    Action action;
};

constexpr ActionName kActions[] = {
    {"create", Action::kCreate}, {"destroy", Action::kDestroy}, {"import", Action::kImport},
    {"deport", Action::kDeport}, {"enable", Action::kEnable},   {"disable", Action::kDisable},
    {"assign", Action::kAssign}, {"init", Action::kInit},
};

// "-" stands for none.
std::string value_or_none(std::string_view argument) {
    return argument == "-" ? "" : std::string(argument);
}

bool has_safe_characters(std::string_view text) {
    return std::ranges::all_of(text, [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
               std::string_view("!@%-_=+:./").contains(c);
    });
}

[[noreturn]] void usage(std::string_view program) {
    log_fatal(
        "Usage:{0} -l [-v] [-a] [-g group] [-i instance] | {0} -p [-v] [-a] [-g group] "
        "[-i instance] command... | {0} -x [-v] [-a] [-i name] [-g group] command... | {0} -e "
        "action [-v] [-a] [-i name] [-g group] [-I name] [-G group] [param=value ...]",
        program);
}

Action action_of(std::string_view word) {
    for (const auto& [name, action] : kActions) {
        if (name == word) {
            return action;
        }
    }
    log_fatal(
        "Invalid '-e' edit action '{}'. Specify 'create', 'destroy', 'import', 'deport', "
        "'enable', 'disable', 'assign' or 'init'",
        word);
}

std::string_view name_of(Action action) {
    return std::ranges::find(kActions, action, &ActionName::action)->name;
}

void check_new_name(const std::string& name) {
    if (name.empty()) {
        return;
    }
    if (!has_safe_characters(name)) {
        log_fatal("Unsafe characters in new instance name: '{}'", name);
    }
    if (name.contains('/')) {
        log_fatal("Illegal '/' character in new instance name: '{}'", name);
    }
    if (!name.starts_with(kNamePrefix)) {
        log_fatal("New instance name must start with '{}'", kNamePrefix);
    }
}

void check_edit(const Options& options) {
    bool assigns = options.new_name || options.new_group;
    bool takes_new = options.action == Action::kCreate || options.action == Action::kImport ||
                     options.action == Action::kAssign;
    if (assigns && !takes_new) {
        log_fatal("Cannot assign instance name or group with '-e {}'", name_of(options.action));
    }
    if (!assigns && options.action == Action::kAssign) {
        log_fatal("Specify new instance name or group with '-e {}'", name_of(options.action));
    }
    bool takes_words = options.action == Action::kCreate || options.action == Action::kImport;
    if (!options.words.empty() && !takes_words) {
        log_fatal("Parameter overrides not valid with '-e {}'", name_of(options.action));
    }
}

void check_iteration(const Options& options) {
    if (options.new_name || options.new_group) {
        log_fatal("Cannot assign instance name or group without '-e {}'", "assign");
    }
    if (options.mode == Mode::kList && !options.words.empty()) {
        log_fatal("Command not allowed with '-l'");
    }
    if (options.mode != Mode::kList && options.words.empty()) {
        log_fatal("Command required with '-p' or '-x' option");
    }
}

void check_together(const Options& options) {
    if (options.reverse && (options.mode == Mode::kPostfix || options.mode == Mode::kEdit)) {
        log_fatal("The '-p' and '-e' options preclude the use of '-R'");
    }
    if (options.mode == Mode::kEdit) {
        check_edit(options);
    } else {
        check_iteration(options);
    }
    if (options.json && options.mode != Mode::kList) {
        log_fatal("JSON output available only with '-l'");
    }
}

// Counts what may be given once.
struct Seen {
    int modes = 0;
    int selections = 0;
};

void take_new_name(Options& out, const char* argument) {
    if (out.new_name) {
        log_fatal("Specify at most one '-I' option");
    }
    out.new_name = value_or_none(argument);
    check_new_name(*out.new_name);
}

void take_new_group(Options& out, const char* argument) {
    if (out.new_group) {
        log_fatal("Specify at most one '-G' option");
    }
    out.new_group = value_or_none(argument);
    if (!has_safe_characters(*out.new_group)) {
        log_fatal("Unsafe characters in '-G {}'", *out.new_group);
    }
}

void take_mode(Options& out, int option, Seen& seen) {
    ++seen.modes;
    out.mode = option == 'l'   ? Mode::kList
               : option == 'p' ? Mode::kPostfix
               : option == 'x' ? Mode::kExecute
                               : Mode::kEdit;
    if (option == 'e') {
        out.action = action_of(::optarg);
    }
}

void take_selection(Options& out, int option, Seen& seen) {
    ++seen.selections;
    if (option == 'g') {
        out.group = ::optarg;
    } else if (option == 'i') {
        out.name = ::optarg;
    }
    out.all = !out.group && !out.name;
}

}  // namespace

Options parse_options(int argc, char** argv) {
    Options out;
    Seen seen;
    for (int option; (option = ::getopt(argc, argv, "+ae:g:i:jG:I:lpRvx")) != -1;) {
        switch (option) {
            case 'e':
            case 'l':
            case 'p':
            case 'x':
                take_mode(out, option, seen);
                break;
            case 'a':
            case 'g':
            case 'i':
                take_selection(out, option, seen);
                break;
            case 'G':
                take_new_group(out, ::optarg);
                break;
            case 'I':
                take_new_name(out, ::optarg);
                break;
            case 'j':
                out.json = true;
                break;
            case 'R':
                out.reverse = true;
                break;
            case 'v':
                set_log_verbose(++out.verbose);
                break;
            default:
                usage(argv[0]);
        }
    }
    out.words.assign(argv + ::optind, argv + argc);
    if (seen.selections > 1) {
        log_fatal("Specity no more than one of '-a', '-g', '-i'");
    }
    if (seen.modes != 1) {
        log_fatal("Specify exactly one of '-e', '-l', '-p', '-x'");
    }
    check_together(out);
    return out;
}

}  // namespace relais::postmulti
