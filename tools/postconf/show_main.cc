// postconf [-p]: parameters of main.cf.
#include "lib/base/log.h"

#include "tools/postconf/print.h"
#include "tools/postconf/show.h"

namespace relais::postconf {

namespace {

bool is_wanted(const Classes& wanted, const Classes& classes) {
    return (wanted.builtin && classes.builtin) || (wanted.service && classes.service) ||
           (wanted.user && classes.user);
}

void show(const std::string& name, const Options& options, const Model& model) {
    if (auto value = model.value(name)) {
        print_line(format_value(name, *value, options));
    }
}

}  // namespace

void show_parameters(const Options& options, const Model& model) {
    if (options.arguments.empty()) {
        for (const auto& name : model.names()) {
            if (is_wanted(options.classes, model.classes_of(name))) {
                show(name, options, model);
            }
        }
        return;
    }
    for (const auto& name : options.arguments) {
        if (is_wanted(options.classes, model.classes_of(name))) {
            show(name, options, model);
        } else {
            log_warning("{}: unknown parameter", name);
        }
    }
}

}  // namespace relais::postconf
