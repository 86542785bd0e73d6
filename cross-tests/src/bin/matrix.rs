//! Matrices of exact binary fractions: product, transpose, determinant and inverse by elimination.
//! Equal everywhere to the last bit: every intermediate value fits a double exactly or is rounded once, in one order.

type Matrix = Vec<Vec<f64>>;

fn multiply(left: &Matrix, right: &Matrix) -> Matrix {
    let columns = right[0].len();
    left.iter()
        .map(|row| {
            (0..columns).map(|column| row.iter().zip(right).map(|(a, b)| a * b[column]).sum()).collect()
        })
        .collect()
}

/// Gaussian elimination with pivoting, the inverse built along; `None` for a singular matrix.
fn invert(matrix: &Matrix) -> Option<(f64, Matrix)> {
    let size = matrix.len();
    let mut work = matrix.clone();
    let mut inverse: Matrix =
        (0..size).map(|i| (0..size).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    let mut determinant = 1.0;
    for column in 0..size {
        let pivot =
            (column..size).max_by(|a, b| work[*a][column].abs().total_cmp(&work[*b][column].abs()))?;
        if work[pivot][column] == 0.0 {
            return None;
        }
        if pivot != column {
            work.swap(pivot, column);
            inverse.swap(pivot, column);
            determinant = -determinant;
        }
        let scale = work[column][column];
        determinant *= scale;
        for j in 0..size {
            work[column][j] /= scale;
            inverse[column][j] /= scale;
        }
        for row in (0..size).filter(|row| *row != column) {
            let factor = work[row][column];
            for j in 0..size {
                work[row][j] -= factor * work[column][j];
                inverse[row][j] -= factor * inverse[column][j];
            }
        }
    }
    Some((determinant, inverse))
}

fn main() {
    let left: Matrix = (0..16u32)
        .map(|i| (0..16u32).map(|j| f64::from((i * 5 + j * 3) % 17) / 8.0 - 1.0).collect())
        .collect();
    let right: Matrix =
        (0..16u32).map(|i| (0..16u32).map(|j| f64::from((i * 7 + j) % 13) / 4.0).collect()).collect();
    let product = multiply(&left, &right);
    println!("{:?}", &product[3][..6]);
    println!("trace {}", (0..16).map(|i| product[i][i]).sum::<f64>());
    let small: Matrix = vec![vec![4.0, 7.0, 2.0], vec![3.0, 6.0, 1.0], vec![2.0, 5.0, 3.0]];
    if let Some((determinant, inverse)) = invert(&small) {
        println!("{:016x}", determinant.to_bits());
        for row in inverse {
            println!("{:?}", row.iter().map(|value| format!("{:016x}", value.to_bits())).collect::<Vec<_>>());
        }
    }
    println!("{:?}", invert(&vec![vec![1.0, 2.0], vec![2.0, 4.0]]));
}
