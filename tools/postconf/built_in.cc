// postconf -a -A -b -l -m -t -T: what this build has, and the texts of notifications.
#include <array>
#include <cerrno>
#include <cstring>

#include <unistd.h>

#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/maps/registry.h"
#include "lib/tls/tls_version.h"

#include "tools/postconf/print.h"
#include "tools/postconf/show.h"

namespace relais::postconf {

namespace {

void load_configuration(const Options& options) {
    ConfigOptions wanted;
    wanted.directory = options.directory;
    wanted.process_name = "postconf";
    auto config = Config::load(wanted);
    if (!config) {
        log_fatal("{}", config.error().message);
    }
    set_conf(std::move(*config));
}

void show_tls_facts(const Options& options) {
    if (options.tls_mode == "compile-version") {
        print_line(tls_compile_version());
    } else if (options.tls_mode == "run-version") {
        print_line(tls_run_version());
    } else if (options.tls_mode == "public-key-algorithms") {
        for (const auto& name : tls_public_key_algorithms()) {
            print_line(name);
        }
    } else {
        log_warning("unknown 'postconf -T' mode: {}", options.tls_mode);
    }
}

// The texts are bounce's: it prints them when it is run under one of these names.
[[noreturn]] void show_templates(const Options& options) {
    if (options.arguments.size() > 1) {
        log_fatal("options -b and -t require at most one template file");
    }
    load_configuration(options);
    auto program = conf().daemon_directory() + "/bounce";
    std::string mode =
        options.subject == Subject::kTemplates ? "-SVndump_templates" : "-SVnexpand_templates";
    std::string name = "bounce";
    std::string set = "-o";
    std::string queue = "queue_directory=.";
    std::string file;
    std::array<char*, 7> argv{};
    std::size_t count = 0;
    auto add = [&](std::string& word) { argv.at(count++) = word.data(); };
    add(name);
    add(mode);
    if (!options.arguments.empty()) {
        file = "bounce_template_file=" + options.arguments.front();
        add(set);
        add(file);
    }
    add(set);
    add(queue);
    flush_output();
    ::execv(program.c_str(), argv.data());
    log_fatal("execv {}: {}", program, std::strerror(errno));
}

}  // namespace

void show_built_in(const Options& options) {
    switch (options.subject) {
        case Subject::kSaslServer:
            print_line("cyrus");
            print_line("dovecot");
            break;
        case Subject::kLocks:
            print_line("flock");
            print_line("fcntl");
            print_line("dotlock");
            break;
        case Subject::kMaps:
            load_configuration(options);
            for (const auto& name : table_type_names()) {
                print_line(name);
            }
            break;
        case Subject::kTemplates:
        case Subject::kExpandedTemplates:
            show_templates(options);
        case Subject::kTlsFacts:
            show_tls_facts(options);
            break;
        case Subject::kSaslClient:  // none yet
        case Subject::kMain:
        case Subject::kServices:
        case Subject::kFields:
        case Subject::kServiceSettings:
            break;
    }
}

}  // namespace relais::postconf
