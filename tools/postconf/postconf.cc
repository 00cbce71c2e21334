// postconf(1): shows and edits main.cf and master.cf, and tells what is built in.
//
// Admins, their scripts, Ansible roles and certbot plugins read its output, so every byte of it is
// Postfix's.  It trusts whoever runs it, needs no privilege but that of the files it edits, and
// never looks at whether a value makes sense: that is for the program that uses it.
#include "lib/base/log.h"
#include "lib/config/log_setup.h"

#include "tools/postconf/edit.h"
#include "tools/postconf/model.h"
#include "tools/postconf/options.h"
#include "tools/postconf/print.h"
#include "tools/postconf/show.h"

namespace relais::postconf {

namespace {

// "postconf -d" looks at no file but master.cf, whose services make parameters.
void show_main(const Options& options) {
    Model model(options);
    model.read_services();
    model.collect_names();
    model.warn_undefined();
    if (!options.defaults) {
        model.check_values();
    }
    show_parameters(options, model);
    flush_output();
    if (!options.defaults) {
        model.warn_unfit_main();
        model.warn_unfit_services();
    }
}

void show_master(const Options& options) {
    Model model(options);
    model.read_services();
    model.collect_names();
    model.warn_undefined();
    model.check_values();
    switch (options.subject) {
        case Subject::kServices:
            show_services(options, model);
            break;
        case Subject::kFields:
            show_fields(options, model);
            break;
        default:
            show_service_settings(options, model);
    }
    flush_output();
    model.warn_unfit_services();
}

void run(const Options& options) {
    bool is_main = options.subject == Subject::kMain;
    bool is_master = options.subject == Subject::kServices || options.subject == Subject::kFields ||
                     options.subject == Subject::kServiceSettings;
    if (options.action != Action::kShow) {
        is_main ? edit_main(options) : edit_master(options);
    } else if (is_main) {
        show_main(options);
    } else if (is_master) {
        show_master(options);
    } else {
        show_built_in(options);
    }
    flush_output();
}

}  // namespace

}  // namespace relais::postconf

int main(int argc, char** argv) {
    relais::open_early_log("postconf", relais::LogStderr::kYes);
    auto log = relais::log_options();
    log.stderr_name = argv[0];  // as the user called it, like Postfix
    relais::log_open(log);
    relais::postconf::run(relais::postconf::parse_options(argc, argv));
    return 0;
}
