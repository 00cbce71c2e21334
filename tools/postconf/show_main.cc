// postconf [-p]: parameters of main.cf.
#include "lib/base/log.h"

#include "tools/postconf/print.h"
#include "tools/postconf/show.h"

namespace relais::postconf {

namespace {

bool is_wanted(const Classes& classes, std::optional<NameClass> which) {
    if (!which) {
        return false;
    }
    switch (*which) {
        case NameClass::kBuiltin:
            return classes.builtin;
        case NameClass::kService:
            return classes.service;
        case NameClass::kUser:
            return classes.user;
    }
    return false;
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
            if (is_wanted(options.classes, model.class_of(name))) {
                show(name, options, model);
            }
        }
        return;
    }
    for (const auto& name : options.arguments) {
        if (is_wanted(options.classes, model.class_of(name))) {
            show(name, options, model);
        } else {
            log_warning("{}: unknown parameter", name);
        }
    }
}

}  // namespace relais::postconf
