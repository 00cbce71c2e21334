// The moment from which a message is the mail system's.
#pragma once

namespace relais {

// From here on whoever is told that the message was not taken sends it again.  So neither the
// caller's signals nor an alarm that he left running end the process before its answer.
void hold_signals();

}  // namespace relais
