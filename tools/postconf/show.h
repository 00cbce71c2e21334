// The modes of postconf that show the configuration.
#pragma once

#include "tools/postconf/model.h"
#include "tools/postconf/options.h"

namespace relais::postconf {

void show_parameters(const Options& options, const Model& model);
void show_services(const Options& options, const Model& model);
void show_fields(const Options& options, const Model& model);
void show_service_settings(const Options& options, const Model& model);

// -a -A -l -m -T
void show_built_in(const Options& options);

}  // namespace relais::postconf
