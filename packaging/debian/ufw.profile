[Postfix]
title=Mail server (SMTP)
description=The mail system Relais: mail from other servers
ports=25/tcp

[Postfix Submission]
title=Mail server (submission)
description=The mail system Relais: mail from users, STARTTLS
ports=587/tcp

[Postfix SMTPS]
title=Mail server (submissions)
description=The mail system Relais: mail from users, TLS
ports=465/tcp
