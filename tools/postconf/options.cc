#include "tools/postconf/options.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/values.h"

namespace relais::postconf {

namespace {

constexpr const char* kLetters = "+aAbc:C:deEfFhHjlmMno:pPqtT:vxX#";

// In the order in which messages name them.
constexpr std::string_view kSubjectLetters = "aAbFlmMpPtT";
constexpr std::string_view kModifierLetters = "defhHjnoxX#";

struct SubjectRule {
    char letter;
    Subject subject;
    std::string_view allowed;  // modifiers
};

constexpr std::array kSubjects = {
    SubjectRule{'a', Subject::kSaslServer, ""},
    SubjectRule{'A', Subject::kSaslClient, ""},
    SubjectRule{'b', Subject::kExpandedTemplates, ""},
    SubjectRule{'F', Subject::kFields, "efhHjox"},
    SubjectRule{'l', Subject::kLocks, ""},
    SubjectRule{'m', Subject::kMaps, ""},
    SubjectRule{'M', Subject::kServices, "efjoxX#"},
    SubjectRule{'p', Subject::kMain, "defhHnjoxX#"},
    SubjectRule{'P', Subject::kServiceSettings, "efhHjoxX"},
    SubjectRule{'t', Subject::kTemplates, ""},
    SubjectRule{'T', Subject::kTlsFacts, ""},
};

// Of each set at most one.
constexpr std::array<std::string_view, 9> kExclusive = {"denX#", "efX#", "exX#", "ehX#", "eHX#",
                                                        "hH",    "ejX#", "hj",   "eoX#"};

[[noreturn]] void usage() {
    log_fatal(
        "usage: postconf [-a (server SASL types)] [-A (client SASL types)] [-b (bounce templates)] "
        "[-c config_dir] [-c param_class] [-d (parameter defaults)] [-e (edit configuration)] "
        "[-f (fold lines)] [-F (master.cf fields)] [-h (no names)] [-H (no values)] "
        "[-j (JSON output)] [-l (lock types)] [-m (map types)] [-M (master.cf)] "
        "[-n (non-default parameters)] [-o name=value (override parameter value)] "
        "[-p (main.cf, default)] [-P (master.cf parameters)] [-q (no deprecation warnings)] "
        "[-t (bounce templates)] "
        "[-T compile-version|run-version|public-key-algorithms] [-v (verbose)] "
        "[-x (expand parameter values)] [-X (exclude)] [-# (comment-out)] [name...]");
}

Classes parse_classes(std::string_view text) {
    Classes classes{false, false, false};
    for (const auto& word : split_list(text)) {
        if (word == "builtin" || word == "all") {
            classes.builtin = true;
        }
        if (word == "service" || word == "all") {
            classes.service = true;
        }
        if (word == "user" || word == "all") {
            classes.user = true;
        }
        if (word != "builtin" && word != "service" && word != "user" && word != "all") {
            log_fatal("unknown -C option value \"{}\" in \"{}\"", word, text);
        }
    }
    return classes;
}

// The letters given, in the order in which messages name them.
std::string given_among(const std::string& given, std::string_view order) {
    std::string found;
    for (char letter : order) {
        if (given.contains(letter)) {
            found += letter;
        }
    }
    return found;
}

std::string with_dashes(std::string_view letters) {
    std::string text;
    for (char letter : letters) {
        text += text.empty() ? "-" : " -";
        text += letter;
    }
    return text;
}

void allow_one_of(const std::string& given, std::string_view set, std::string_view order) {
    std::string among;
    for (char letter : given_among(given, order)) {
        if (set.contains(letter)) {
            among += letter;
        }
    }
    if (among.size() > 1) {
        log_fatal("specify one of {}", with_dashes(among));
    }
}

// What an argument may say about itself: an assignment means editing.
bool means_edit(const std::string& given, const std::vector<std::string>& arguments) {
    bool editable = given_among(given, "aAblmtT").empty();
    return editable && !arguments.empty() && arguments.front().contains('=');
}

void check_combination(const std::string& given) {
    if (given.contains('b') && given.contains('t')) {
        log_fatal("specify one of -b and -t");
    }
    allow_one_of(given, kSubjectLetters, kSubjectLetters);
    for (auto set : kExclusive) {
        allow_one_of(given, set, kModifierLetters);
    }
    auto subject = given_among(given, kSubjectLetters);
    for (const auto& rule : kSubjects) {
        if (!subject.contains(rule.letter)) {
            continue;
        }
        std::string refused;
        for (char letter : given_among(given, kModifierLetters)) {
            if (!rule.allowed.contains(letter)) {
                refused += letter;
            }
        }
        if (!refused.empty()) {
            log_fatal("with option -{}, do not specify {}", rule.letter, with_dashes(refused));
        }
    }
}

void take_letters(Options& options, const std::string& given) {
    for (const auto& rule : kSubjects) {
        if (given.contains(rule.letter)) {
            options.subject = rule.subject;
        }
    }
    options.defaults = given.contains('d');
    options.set_only = given.contains('n');
    options.expand = given.contains('x');
    options.fold = given.contains('f');
    options.hide_name = given.contains('h');
    options.hide_value = given.contains('H');
    options.json = given.contains('j');
    options.action = given.contains('e')   ? Action::kEdit
                     : given.contains('X') ? Action::kRemove
                     : given.contains('#') ? Action::kComment
                                           : Action::kShow;
    if (options.action == Action::kEdit && options.arguments.empty()) {
        log_fatal("-e requires name=value argument");
    }
    if (options.action != Action::kShow && options.arguments.empty()) {
        log_fatal("missing service argument");
    }
}

}  // namespace

void check_edit_argument(const Options& options, const std::string& argument) {
    bool is_main = options.subject == Subject::kMain;
    std::string_view who = is_main ? "-e, -X, or -# accepts" : "-Me, -Fe, -Pe, -X, or -# accept";
    auto text = trim(argument);
    if (is_main && options.action != Action::kEdit && text.empty()) {
        log_fatal("-X or -# requires non-blank parameter names");
    }
    if (argument.contains('\n')) {
        log_fatal("{} no multi-line input", who);
    }
    if (text.starts_with('#')) {
        log_fatal("{} no comment input", who);
    }
}

Options parse_options(int argc, char** argv) {
    Options options;
    std::string given;
    int verbose = 0;
    for (int letter; (letter = ::getopt(argc, argv, kLetters)) != -1;) {
        switch (letter) {
            case 'c':
                options.directory = ::optarg;
                ::setenv("MAIL_CONFIG", ::optarg, 1);
                break;
            case 'C':
                options.classes = parse_classes(::optarg);
                break;
            case 'o':
                options.settings.emplace_back(::optarg);
                given += 'o';
                break;
            case 'T':
                options.tls_mode = ::optarg;
                given += 'T';
                break;
            case 'q':
                options.quiet = true;
                break;
            case 'v':
                set_log_verbose(++verbose);
                break;
            case 'E':
            case '?':
                usage();
            default:
                given += static_cast<char>(letter);
        }
    }
    options.arguments.assign(argv + ::optind, argv + argc);
    if (means_edit(given, options.arguments)) {
        given += 'e';
    }
    check_combination(given);
    take_letters(options, given);
    return options;
}

}  // namespace relais::postconf
