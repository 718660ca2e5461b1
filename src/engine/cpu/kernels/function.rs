//! Functions of one value that the compiler makes vectors of; the same bits on every processor.

use super::exp;
use super::fused::Fused;

/// The error function to within 3e-7: a rational function of x² as Eigen has it.
#[inline(always)]
pub(super) fn erf<F: Fused>(x: f32) -> f32 {
    // Beyond this it is 1. Written so that what is no number stays none.
    let x = if x > 4.0 { 4.0 } else { x };
    let x = if x < -4.0 { -4.0 } else { x };
    let square = x * x;
    let above = [
        2.770_681_4e-8,
        -2.101_024e-6,
        -5.692_506_5e-5,
        -7.349_906_4e-4,
        -2.954_6e-3,
        -1.609_603_3e-2,
    ];
    let below = [-2.133_740_6e-4, -1.682_827e-3, -7.373_329e-3, -1.426_474e-2];
    let mut p = -2.726_142_3e-10f32;
    for factor in above {
        p = F::mul_add(p, square, factor);
    }
    let mut q = -1.456_607_2e-5f32;
    for factor in below {
        q = F::mul_add(q, square, factor);
    }
    x * p / q
}

/// `x * Φ(x)`: `x / 2 * (1 + erf(x / √2))`.
#[inline(always)]
pub(super) fn gelu<F: Fused>(x: f32) -> f32 {
    0.5 * x * (1.0 + erf::<F>(x * std::f32::consts::FRAC_1_SQRT_2))
}

/// `x / 2 * (1 + tanh(√(2/π) * (x + 0.044715 x³)))`.
#[inline(always)]
pub(super) fn gelu_tanh<F: Fused>(x: f32) -> f32 {
    const ROOT: f32 = 0.797_884_6;
    let inner = ROOT * F::mul_add(0.044_715 * x * x, x, x);
    0.5 * x * (1.0 + tanh::<F>(inner))
}

/// Hyperbolic tangent: `(1 - e) / (1 + e)` of `e = e^-2|x|`, with the sign of `x`.
#[inline(always)]
pub(super) fn tanh<F: Fused>(x: f32) -> f32 {
    let size = x.abs();
    let e = exp::<F>(-2.0 * size);
    // Near zero the difference would lose what a series keeps.
    let square = x * x;
    let inner = F::mul_add(square, 2.0 / 15.0, -1.0 / 3.0);
    let series = size * F::mul_add(square, inner, 1.0);
    let quotient = (1.0 - e) / (1.0 + e);
    let value = if size < 0.1 { series } else { quotient };
    value.copysign(x)
}

/// `1 / (1 + e^-x)`, both sides of zero without an overflow.
#[inline(always)]
pub(super) fn sigmoid<F: Fused>(x: f32) -> f32 {
    let e = exp::<F>(-x.abs());
    let above = if x < 0.0 { e } else { 1.0 };
    above / (1.0 + e)
}

#[cfg(test)]
mod tests {
    use super::super::fused::Whole;

    /// The error function by its series, exact to many digits for small arguments.
    fn erf(x: f64) -> f64 {
        let (mut term, mut sum) = (x, x);
        for n in 1..120 {
            term *= -x * x / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        sum * 2.0 / std::f64::consts::PI.sqrt()
    }

    #[test]
    fn functions_are_those_of_the_definitions() {
        for i in -500..=500 {
            let x = i as f32 * 0.01;
            let wide = f64::from(x);
            let near = |got: f32, want: f64, within: f64| {
                assert!((f64::from(got) - want).abs() < within, "{got} for {want} at {x}");
            };
            near(
                super::erf::<Whole>(x),
                if wide.abs() < 4.0 { erf(wide) } else { wide.signum() },
                4e-7,
            );
            let half = wide / std::f64::consts::SQRT_2;
            let phi = if half.abs() < 4.0 { erf(half) } else { half.signum() };
            near(super::gelu::<Whole>(x), 0.5 * wide * (1.0 + phi), 1e-6);
            let inner = 0.797_884_560_802_865_4 * (wide + 0.044_715 * wide.powi(3));
            near(super::gelu_tanh::<Whole>(x), 0.5 * wide * (1.0 + inner.tanh()), 1e-6);
            near(super::tanh::<Whole>(x), wide.tanh(), 3e-7);
            near(super::sigmoid::<Whole>(x), 1.0 / (1.0 + (-wide).exp()), 3e-7);
        }
        for none in [
            super::erf::<Whole>(f32::NAN),
            super::gelu::<Whole>(f32::NAN),
            super::gelu_tanh::<Whole>(f32::NAN),
            super::tanh::<Whole>(f32::NAN),
            super::sigmoid::<Whole>(f32::NAN),
        ] {
            assert!(none.is_nan());
        }
    }
}
