// relais switch check: what of a Postfix configuration would be different under Relais, said before
// the switch. It runs beside a Postfix that is still installed, and changes nothing.
#pragma once

#include <string>

namespace relais {

// Looks at the instance whose configuration is in `directory` (empty: the default one) and at those
// that its multi_instance_directories names, and prints a line for each finding, with the file and
// line that it is about. Status 1 when there are any. A configuration that cannot be read ends the
// process.
int switch_check(const std::string& directory);

}  // namespace relais
