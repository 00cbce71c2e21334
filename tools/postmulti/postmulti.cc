// postmulti(1): the instances of the mail system on one machine.
//
// Lists them (-l), runs a command of postfix(1) or any other for each of them (-p, -x), and makes,
// adopts, names and removes them (-e).  Root runs it, on the default configuration directory;
// `postfix start` and its like call it through multi_instance_wrapper.
#include <cstdlib>
#include <cstring>

#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/config/load.h"
#include "lib/config/log_setup.h"

#include "tools/postmulti/edit.h"
#include "tools/postmulti/instance.h"
#include "tools/postmulti/options.h"
#include "tools/postmulti/run.h"

using namespace relais;
using namespace relais::postmulti;

namespace {

// Instances are known to the primary one only.
void require_default_directory() {
    const char* directory = std::getenv("MAIL_CONFIG");
    if (directory != nullptr && directory != kDefaultConfigDirectory) {
        log_fatal("Non-default configuration directory: {}={}", "MAIL_CONFIG", directory);
    }
}

void load_configuration() {
    ConfigOptions wanted;
    wanted.process_name = "postmulti";
    load_conf(wanted);
}

int run(const Options& options) {
    load_configuration();
    require_default_directory();
    Suite suite = load_suite();
    switch (options.mode) {
        case Mode::kList:
            list_instances(options, suite);
            return 0;
        case Mode::kEdit:
            return edit_instances(options, std::move(suite));
        case Mode::kPostfix:
        case Mode::kExecute:
            break;
    }
    return run_for_instances(options, suite);
}

}  // namespace

int main(int argc, char** argv) {
    if (char* slash = std::strrchr(argv[0], '/'); slash != nullptr) {
        argv[0] = slash + 1;
    }
    open_early_log("postmulti", LogStderr::kYes);
    int status = run(parse_options(argc, argv));
    log_flush(500);
    return status;
}
