// The content of a message that comes in chunks, between one BDAT and the next.
#pragma once

#include "lib/config/config.h"
#include "lib/smtp/chunk_decoder.h"

#include "smtpd/content.h"

namespace relais::smtpd {

struct Chunks {
    Chunks(Session& session, smtp::BareNewline newlines)
        : decoder(newlines, static_cast<std::size_t>(conf().line_length_limit())),
          content(session, ContentWriter::Top::kAsItIs),
          mode(newlines) {}

    smtp::ChunkDecoder decoder;
    ContentWriter content;
    smtp::BareNewline mode;
};

}  // namespace relais::smtpd
