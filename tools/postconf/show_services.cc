// postconf -M, -F and -P: the services of master.cf, their fields and their settings.
#include <algorithm>

#include "lib/base/log.h"
#include "lib/base/strings.h"

#include "tools/postconf/patterns.h"
#include "tools/postconf/print.h"
#include "tools/postconf/service_line.h"
#include "tools/postconf/show.h"

namespace relais::postconf {

namespace {

using ShowOne = void (*)(const Service&, const ServicePattern&, const Options&, const Model&,
                         bool& matched);

// What the arguments ask for, in the order of master.cf; each must match something.
void show_matching(const Options& options, const Model& model, PatternDepth depth, ShowOne show) {
    std::vector<ServicePattern> patterns;
    for (const auto& text : options.arguments) {
        patterns.push_back(parse_pattern(text, depth));
    }
    if (patterns.empty()) {
        patterns.emplace_back();
    }
    std::vector<char> found(patterns.size(), 0);
    for (const auto& service : model.services()) {
        for (std::size_t i = 0; i < patterns.size(); ++i) {
            bool matched = false;
            if (patterns[i].matches(service)) {
                show(service, patterns[i], options, model, matched);
            }
            found[i] = matched ? 1 : found[i];
        }
    }
    for (std::size_t i = 0; i < options.arguments.size(); ++i) {
        if (found[i] == 0) {
            log_warning("unmatched request: \"{}\"", options.arguments[i]);
        }
    }
}

void show_service(const Service& service, const ServicePattern& /*pattern*/, const Options& options,
                  const Model& model, bool& matched) {
    matched = true;
    auto text = service_text(service, options, &model);
    print_line(options.json ? format("{{{}: {}}}", json_string(service.id()), json_string(text))
                            : text);
}

void show_service_fields(const Service& service, const ServicePattern& pattern,
                         const Options& options, const Model& model, bool& matched) {
    for (std::size_t i = 0; i < kMasterFieldNames.size(); ++i) {
        auto name = kMasterFieldNames.at(i);
        if (pattern.detail != "*" && pattern.detail != name) {
            continue;
        }
        matched = true;
        auto which = static_cast<MasterField>(i);
        auto value = which == MasterField::kCommand ? command_text(service, options, &model)
                                                    : service.line.field(which);
        print_line(format_field(service.id() + "/" + std::string(name), value, options));
    }
}

void show_settings(const Service& service, const ServicePattern& pattern, const Options& options,
                   const Model& model, bool& matched) {
    for (const auto& [name, value] : service.settings) {
        if (pattern.detail != "*" && pattern.detail != name) {
            continue;
        }
        matched = true;
        auto text = options.expand ? model.expanded(value, &service) : value;
        print_line(format_value(service.id() + "/" + name, text, options));
    }
}

}  // namespace

void show_services(const Options& options, const Model& model) {
    show_matching(options, model, PatternDepth::kType, show_service);
}

void show_fields(const Options& options, const Model& model) {
    show_matching(options, model, PatternDepth::kField, show_service_fields);
}

void show_service_settings(const Options& options, const Model& model) {
    show_matching(options, model, PatternDepth::kSetting, show_settings);
}

}  // namespace relais::postconf
