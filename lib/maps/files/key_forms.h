// Whether the keys of a database file end in a NUL is not written in it: where the flags leave both
// open, both are tried, and the form that is found once is the only one from then on.
#pragma once

#include "lib/maps/table_flags.h"

namespace relais {

// access(with_nul) returns 0, `not_found`, or another error of the database's library.
template <class Access>
int try_key_forms(TableFlags& flags, int not_found, Access access) {
    int error = not_found;
    if ((flags & table_flag::kTryWithNul) != 0) {
        error = access(true);
        if (error == 0) {
            flags &= ~table_flag::kTryWithoutNul;
        }
    }
    if (error == not_found && (flags & table_flag::kTryWithoutNul) != 0) {
        error = access(false);
        if (error == 0) {
            flags &= ~table_flag::kTryWithNul;
        }
    }
    return error;
}

}  // namespace relais
