/** The error body of ARM. */
export interface ArmErrorBody {
  error: ArmErrorDetail;
}

export interface ArmErrorDetail {
  code: string;
  message: string;
  /** The property or parameter that is wrong: `properties.migrationMode`. */
  target?: string;
  details?: ArmErrorDetail[];
}

/** A refusal that is answered as it is. Its texts never hold a secret. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly target: string | undefined;
  readonly details: ArmErrorDetail[];

  constructor(
    status: number,
    code: string,
    message: string,
    options: { target?: string; details?: ArmErrorDetail[] } = {},
  ) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
    this.target = options.target;
    this.details = options.details ?? [];
  }
}

export function armErrorBody(error: ApiError): ArmErrorBody {
  return {
    error: {
      code: error.code,
      message: error.message,
      ...(error.target === undefined ? {} : { target: error.target }),
      ...(error.details.length === 0 ? {} : { details: error.details }),
    },
  };
}

/** A property has a value that cannot be used. */
export function invalidProperty(target: string, message: string): ApiError {
  return new ApiError(400, 'InvalidParameterValue', message, { target });
}

/** The state of the migration forbids it. */
export function stateConflict(message: string, target?: string): ApiError {
  return new ApiError(409, 'MigrationStateConflict', message, { target });
}

export function migrationNotFound(name: string): ApiError {
  return new ApiError(404, 'ResourceNotFound', `There is no migration '${name}' for this server.`);
}
